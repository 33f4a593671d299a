"""Inputs and outputs of runs: datasets and logged models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from dynamodbstore_events.keys import META, dataset_sk, experiment_pk, model_output_sk, run_pk
from dynamodbstore_table.conditions import ITEM_EXISTS
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Check, Delete, Item, Table, begins_with
from mlflow.entities import DatasetInput, LoggedModelInput, LoggedModelOutput, _DatasetSummary
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import (
    _parse_experiment_ids,
    _validate_dataset_inputs,
    _validate_run_id,
)

from mlflow_dynamodbstore.core.errors import WrongType
from mlflow_dynamodbstore.core.insertions import insert_all
from mlflow_dynamodbstore.core.lookup import Lookup, raise_run_missing
from mlflow_dynamodbstore.core.retry import Contention
from mlflow_dynamodbstore.core.text_values import required_text_or_none, required_texts
from mlflow_dynamodbstore.core.whole_numbers import whole_number
from mlflow_dynamodbstore.runs.input_plan import (
    DatasetUse,
    check_model_id,
    dataset_uses,
    model_inputs,
    plan_inputs,
    transactions,
)

_MOST_SUMMARIES = 1000
_SUMMARY_ATTRIBUTES = ("PK", "SK", "name", "digest", "context")


class Inputs:
    """Log which datasets and models a run used, and which models it made."""

    serves = ("_search_datasets",)

    def __init__(self, table: Table, lookup: Lookup) -> None:
        self._table = table
        self._experiments = lookup.experiments
        self._runs = lookup.runs

    def log_inputs(
        self,
        run_id: str,
        datasets: list[DatasetInput] | None = None,
        models: list[LoggedModelInput] | None = None,
    ) -> None:
        """Add datasets and models to the inputs of an active run.

        Of a dataset that the experiment knows by name and digest, the first source, schema and
        profile stay; an input that the run already has changes nothing. Raises
        ``INVALID_PARAMETER_VALUE`` for names, texts or tags past MLflow's limits.
        """
        required_text_or_none(run_id, "run_id")
        _validate_run_id(run_id)
        if datasets is not None:
            if not isinstance(datasets, list):
                raise WrongType(f"Argument 'datasets' should be a list, got '{type(datasets)}'")
            _require_text(datasets)
            _validate_dataset_inputs(datasets)
        experiment_id = self._runs.require_active(run_id)
        edges = model_inputs(run_id, models or [])
        uses = dataset_uses(experiment_id, run_id, datasets or [])
        contention = Contention(f"the inputs of the run {run_id!r}")
        while not self._log_datasets(uses):
            contention.wait()
        for write in transactions([edge] for edge in edges):
            self._table.write(*write)

    def _log_datasets(self, uses: list[DatasetUse]) -> bool:
        """Write what is missing; false if another writer was faster, so that it must be redone."""
        if not uses:
            return True
        known = self._table.batch_get(
            dict.fromkeys(key for use in uses for key in use.keys),
            attributes=["generation", "parts"],
        )
        plan = plan_inputs(uses, known, get_current_time_millis())
        if plan.bodies:
            self._table.bulk(plan.bodies)
        written = 0
        writes = transactions(plan.groups)
        try:
            for write in writes:
                self._table.write(*write)
                written += 1
        except ConditionFailed:
            named = {put.item.get("generation") for write in writes[:written] for put in write}
            self._table.bulk(
                Delete(put.key) for put in plan.bodies if put.item["SK"].split("#")[1] not in named
            )
            return False
        return True

    def log_outputs(self, run_id: str, models: list[LoggedModelOutput]) -> None:
        """Add logged models to the outputs of an active run, all of them or none.

        Raises ``BAD_REQUEST`` if the run already has one of them as its output, at any step.
        """
        self._runs.require_active(run_id)
        items = [_output_item(run_id, model) for model in models]
        repeated = _first_repeated(items)
        if repeated is None and items:
            guard = Check((run_pk(run_id), META), ITEM_EXISTS)
            try:
                insert_all(self._table, guard, items)
            except ConditionFailed as failed:
                first = min(failed.failures)
                if first == 0:
                    raise_run_missing(run_id)
                repeated = items[first - 1]
        if repeated is not None:
            raise MlflowException(
                f"Model {repeated['model_id']!r} is already an output of run {run_id!r}; an "
                "output is logged once, at one step.",
                BAD_REQUEST,
            )

    def _search_datasets(self, experiment_ids: list[str]) -> list[_DatasetSummary]:
        """Every distinct (experiment, name, digest, context) in use, at most 1,000 of them."""
        wanted = self._experiments.owned(map(str, _parse_experiment_ids(experiment_ids)))
        summaries = (
            summary for experiment_id in wanted for summary in self._summaries(experiment_id)
        )
        return list(islice(summaries, _MOST_SUMMARIES))

    def _summaries(self, experiment_id: str) -> Iterator[_DatasetSummary]:
        header: Item = {}
        for item in self._table.query_all(
            experiment_pk(experiment_id),
            sk=begins_with(dataset_sk("")),
            attributes=_SUMMARY_ATTRIBUTES,
        ):
            if "name" in item:
                header = item
            elif header and item["SK"].startswith(header["SK"]):
                yield _DatasetSummary(
                    experiment_id, header["name"], header["digest"], item.get("context")
                )


def _require_text(datasets: Iterable[DatasetInput]) -> None:
    for dataset_input in datasets:
        for name, value in vars(dataset_input.dataset).items():
            required_text_or_none(value, f"dataset {name.lstrip('_')}")
        required_texts("dataset input tag", dataset_input.tags)


def _output_item(run_id: str, model: LoggedModelOutput) -> Item:
    check_model_id(model.model_id)
    return {
        "PK": run_pk(run_id),
        "SK": model_output_sk(model.model_id),
        "model_id": model.model_id,
        "step": _step(model.step),
    }


def _step(step: Any) -> int:
    if step is None:
        return 0
    whole = whole_number(step)
    if whole is None:
        raise MlflowException.invalid_parameter_value(
            f"Invalid step {step!r}: it must be a whole number of 64 bits."
        )
    return whole


def _first_repeated(items: list[Item]) -> Item | None:
    seen: set[str] = set()
    for item in items:
        if item["SK"] in seen:
            return item
        seen.add(item["SK"])
    return None
