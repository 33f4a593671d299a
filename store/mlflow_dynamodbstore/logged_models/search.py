"""Searching logged models: candidates from the listings, whole models for the page only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from dynamodbstore_events.keys import metric_sk, models_listing, param_sk, tag_sk
from dynamodbstore_table.conditions import Not, equals
from dynamodbstore_table.joins import JoiningTable
from dynamodbstore_table.port import Table, begins_with
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList
from mlflow.store.tracking import SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
from mlflow.utils.validation import _parse_experiment_ids

from mlflow_dynamodbstore.core.lifecycle import DELETED
from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.logged_models.filter import (
    ANY_METRIC,
    COLUMNS,
    METRIC,
    NEWEST_FIRST,
    PARAM,
    TAG,
    parse_filter,
    parse_order,
)
from mlflow_dynamodbstore.logged_models.logged_model_items import (
    ModelItems,
    is_deleted,
    logged_model,
    model_items,
    model_metric,
)
from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Clause, Field, Row
from mlflow_dynamodbstore.search.execute import search
from mlflow_dynamodbstore.search.listings import Listing, TimeOrder
from mlflow_dynamodbstore.search.plan import Plan, Query, joined, steps_of, table_filter
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.sources import Listed
from mlflow_dynamodbstore.search.values import Candidate, ItemValues, Values

_FILTERED_PAGE = 300
_LARGEST_PAGE = 1000
_IN_USE = Not(equals("stage", DELETED))
_LISTED = (
    *("PK", "SK", "gsi1sk", "experiment_id", "name", "artifact_location", "created", "updated"),
    *("status", "stage", "model_type", "source_run_id", "status_message"),
)


class LoggedModelSearch(Searchable[LoggedModel]):
    """Logged models of some experiments, in any stage of theirs; deleted models are not found."""

    name = "logged-models"
    noun = "logged models"
    results = SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
    options = ("experiment_ids",)
    columns = COLUMNS
    smallest_chunk = 100

    def parse(self, request: Request) -> Query:
        filter_string, order_by = request.filter_string, request.order_by
        ids, datasets = request.experiment_ids, request.datasets
        if not all(isinstance(d, Mapping) and d.get("dataset_name") for d in datasets or ()):
            raise MlflowException.invalid_parameter_value(
                "`dataset_name` in the `datasets` clause must be specified."
            )
        orders = parse_order(order_by)
        return self.query(
            request,
            parse_filter(filter_string, datasets),
            orders,
            TimeOrder(),
            *(ids, filter_string, order_by, datasets),
            listed=orders == NEWEST_FIRST,
            limit=_page_size(request.max_results),
            envelope={"experiment_ids": ids, "filter_string": filter_string, "order_by": order_by},
        )

    def plan(self, request: Request, query: Query, context: Context) -> Plan[LoggedModel]:
        items = ItemValues({TAG: tag_sk, PARAM: param_sk})
        kinds: dict[str, Values] = {TAG: items, PARAM: items, METRIC: _METRICS}
        steps = steps_of(query.clauses, self.columns, kinds, joins=context.joins)
        in_use, beside = table_filter(steps, _IN_USE), joined(steps, kinds)
        ids = context.owned(map(str, _parse_experiment_ids(list(request.experiment_ids))))
        listed = Listed(
            tuple(Listing(models_listing(e), in_use, beside) for e in dict.fromkeys(ids)),
            TimeOrder(),
            attributes=_LISTED,
            # How many pass is not known: begin with more than a page.
            least_page=_FILTERED_PAGE if query.clauses else 1,
            shared_page=_LARGEST_PAGE,
        )
        return Plan(
            of=self,
            query=query,
            sources=(listed,),
            steps=steps,
            visible=lambda meta: not is_deleted(meta),
            read=partial(_read, query.clauses),
            then="each model is then read whole",
            kinds=kinds,
        )

    def order_by(self, words: Sequence[str]) -> Sequence[Any]:
        split = [text.strip().rpartition(" ") for text in words]
        return [
            {"field_name": name.strip(), "ascending": direction.upper() == "ASC"}
            if direction.upper() in ("ASC", "DESC")
            else {"field_name": f"{name} {direction}".strip()}
            for name, _, direction in split
        ]


LOGGED_MODELS: Final = LoggedModelSearch()


class SearchLoggedModels:
    """Search for logged models of some experiments, in any stage of theirs."""

    def __init__(self, table: Table, lookup: Lookup) -> None:
        self._table = table
        self._experiments = lookup.experiments

    def search_logged_models(
        self,
        experiment_ids: list[str],
        filter_string: str | None = None,
        datasets: list[dict[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: list[dict[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """A page of the models that pass the filter, newest first unless ``order_by`` is given.

        ``max_results`` None or 0 means 100. Raises ``INVALID_PARAMETER_VALUE`` for a filter, an
        order or a token that MLflow refuses, before anything is read.
        """
        request = Request(
            filter_string,
            max_results,
            order_by,
            page_token,
            experiment_ids=experiment_ids,
            datasets=datasets,
        )
        context = Context(
            joins=isinstance(self._table, JoiningTable), owned=self._experiments.owned
        )
        return PagedList(*search(self._table, LOGGED_MODELS, request, context))


class _Metrics(Values):
    """Of a metric: all that the model has of it, in any run and of any dataset."""

    def sort_key(self, on: Field) -> str:
        return f"{_prefix(on)}…"

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        for on in dict.fromkeys(fields):
            missing = [candidate for candidate in candidates if on not in candidate.values]
            pks = [candidate.row["PK"] for candidate in missing]
            found = table.partitions(pks, sk=begins_with(_prefix(on)))
            for candidate in missing:
                candidate.values[on] = [model_metric(i) for i in found[candidate.row["PK"]]]


_METRICS: Final = _Metrics()


def _prefix(on: Field) -> str:
    return "METRIC#" if on == ANY_METRIC else f"{metric_sk(on.key)}#"


def _page_size(max_results: int | None) -> int:
    if not max_results:
        return SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
    if not isinstance(max_results, int) or max_results >= 2**63 - 1:
        raise MlflowException.invalid_parameter_value(
            f"Invalid value {max_results!r} for parameter 'max_results' supplied. It must be a "
            "whole number."
        )
    return max_results


def _read(
    clauses: Sequence[Clause],
    table: Table,
    found: Sequence[Candidate],
    shown: Callable[[Row], bool],
) -> list[LoggedModel]:
    """The models read afresh: one that has just changed is shown as it is now, or left out."""
    partitions = table.partitions([one.row["PK"] for one in found])
    models = (model_items(partitions[one.row["PK"]]) for one in found)
    keyed = [clause for clause in clauses if clause.on.kind != ATTRIBUTE]
    return [
        logged_model(model)
        for model in models
        if model is not None and shown(model.meta) and _passes(keyed, model)
    ]


def _passes(clauses: Sequence[Clause], model: ModelItems) -> bool:
    if not clauses:
        return True
    values: dict[Field, Any] = {clause.on: model.metrics for clause in clauses}
    for kind, texts in ((TAG, model.tags), (PARAM, model.params)):
        for on in [clause.on for clause in clauses if clause.on.kind == kind]:
            values.pop(on, None)
            if on.key in texts:
                values[on] = texts[on.key]
    return all(clause.holds(values) for clause in clauses)
