"""Runs: create, get, update, delete, restore."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from dynamodbstore_events.entities import FORM, RUN
from dynamodbstore_events.keys import (
    DELETED_RUNS,
    META,
    newest_first,
    oldest_first,
    run_pk,
    runs_listing,
    tag_sk,
)
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, both, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.forms import newest_form
from dynamodbstore_table.items.texts import TextItems, parts_of, text_items
from dynamodbstore_table.port import Item, Put, Table, Update, now_ms
from mlflow.entities import (
    LoggedModelInput,
    LoggedModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR, INVALID_PARAMETER_VALUE
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, _get_run_name_from_tags
from mlflow.utils.name_utils import _generate_random_name
from mlflow.utils.uri import append_to_uri_path

from mlflow_dynamodbstore.core.housekeeping import Housekeeping
from mlflow_dynamodbstore.core.lifecycle import ACTIVE, DELETED, ExperimentState
from mlflow_dynamodbstore.core.lookup import Lookup, raise_run_missing
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.retry import Contention
from mlflow_dynamodbstore.core.text_values import as_text
from mlflow_dynamodbstore.core.whole_numbers import SMALLEST_INT, whole_number
from mlflow_dynamodbstore.experiments.experiment_items import canonical_id
from mlflow_dynamodbstore.garbage.tombstones import Tombstones, expired_run
from mlflow_dynamodbstore.runs.dataset_inputs import load_dataset_inputs
from mlflow_dynamodbstore.runs.read_runs import run_partitions
from mlflow_dynamodbstore.runs.run_items import run_data, run_info

ARTIFACTS_FOLDER = "artifacts"
_OPS_BESIDE_META = 99


class Runs:
    """Runs: create, get, update, delete, restore."""

    def __init__(
        self,
        table: Table,
        lookup: Lookup,
        expired: Tombstones,
        housekeeping: Housekeeping,
        remove_assessments: Callable[[str], None],
        places: Places,
    ) -> None:
        self._table = table
        self._places = places
        self._experiments = lookup.experiments
        self._runs = lookup.runs
        self._expired_runs = expired
        self._housekeeping = housekeeping
        self._remove_assessments = remove_assessments

    def create_run(
        self,
        experiment_id: str,
        user_id: str,
        start_time: int,
        tags: list[RunTag] | None,
        run_name: str | None,
    ) -> Run:
        """Start a run in an active experiment; ``start_time`` is in ms.

        Raises ``INVALID_PARAMETER_VALUE`` if the experiment is deleted or two names are given,
        ``BAD_REQUEST`` if no experiment is given.
        """
        if experiment_id is None or experiment_id == "":
            raise MlflowException(
                f"A run needs an experiment: experiment_id is {experiment_id!r}.", BAD_REQUEST
            )
        experiment = self._experiments.require_active(canonical_id(experiment_id))
        run_id = uuid.uuid4().hex
        tags = list(tags or [])
        name = _run_name(run_name, tags)
        texts = _tag_items(run_id, tags)
        meta = _new_meta(experiment, run_id, name, user_id, _checked_time(start_time))
        places = self._places.take(len(texts))
        puts = [text.put(place) for text, place in zip(texts, places, strict=True)]
        self._write_new_run(meta, puts, parts_of(texts))
        self._runs.remember(run_id, experiment.experiment_id)
        self._housekeeping.do_some()
        return Run(run_info(meta, experiment), RunData(tags=tags), RunInputs(dataset_inputs=[]))

    def _write_new_run(self, meta: Item, puts: list[Put], parts: list[Put]) -> None:
        before = parts
        if len(puts) > _OPS_BESIDE_META:
            before, puts = [*parts, *puts], []
        if before:
            self._table.bulk(before)
        self._table.write(Put(meta, condition=ITEM_MISSING), *puts)

    def get_run(self, run_id: str) -> Run:
        """The run with its metrics, params, tags, inputs and outputs, in any stage.

        For an expired run already reported to ``mlflow gc``: what its tombstone holds.
        """
        pk = run_pk(run_id)
        run = run_partitions(self._table, [pk])[pk]
        if run.meta is None:
            tombstone = self._expired_runs.get(run_id)
            if tombstone is None:
                raise_run_missing(run_id)
            return expired_run(tombstone)
        experiment = self._runs.experiment(run_id, run.meta)
        inputs = load_dataset_inputs(self._table, {run_id: run.dataset_inputs})
        return Run(
            run_info(run.meta, experiment, run.tags),
            run_data(run),
            RunInputs(
                dataset_inputs=inputs[run_id],
                model_inputs=[LoggedModelInput(i["model_id"]) for i in run.model_inputs],
            ),
            RunOutputs([LoggedModelOutput(o["model_id"], o["step"]) for o in run.model_outputs]),
        )

    def update_run_info(
        self,
        run_id: str,
        run_status: int | None,
        end_time: int | None,
        run_name: str | None,
    ) -> RunInfo:
        """Change what is given (None and an empty name keep what is there); times in ms.

        Raises ``INVALID_PARAMETER_VALUE`` for a deleted run.
        """
        changed: dict[str, Any] = {}
        if run_status is not None:
            changed["status"] = RunStatus.to_string(run_status)
        if end_time is not None:
            changed["end_time"] = _checked_time(end_time)
        texts: list[TextItems] = []
        if run_name:
            changed["name"] = as_text(run_name, "run name")
            texts = _tag_items(run_id, [_name_tag(changed["name"])])
        place = self._places.next()
        contention = Contention(f"the run {run_id!r}")
        while True:
            meta = self._runs.meta(run_id)
            experiment = self._runs.check_active(run_id, meta)
            if not changed:
                return run_info(meta, experiment)
            if parts := parts_of(texts):
                self._table.bulk(parts)
            update = Update((run_pk(run_id), META), set=changed, condition=_same(meta))
            try:
                self._table.write(update, *(text.update(place) for text in texts))
            except ConditionFailed:
                contention.wait()
                continue
            return run_info({**meta, **changed}, experiment)

    def delete_run(self, run_id: str) -> None:
        """Mark a run deleted, from now; a deleted run is deleted again.

        The assessments of traces that the run made go for good, as in the SQL store.
        """
        now = now_ms(self._table)
        self._set_stage(
            run_id,
            {
                "stage": DELETED,
                "deleted": now,
                "gsi2pk": DELETED_RUNS,
                "gsi2sk": oldest_first(now, run_id),
            },
            remove=("ttl",),
        )
        self._remove_assessments(run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a run back, also inside a deleted experiment; an active run stays as it is."""
        self._set_stage(run_id, {"stage": ACTIVE}, remove=("deleted", "gsi2pk", "gsi2sk", "ttl"))

    def _set_stage(self, run_id: str, stage: dict[str, Any], remove: tuple[str, ...] = ()) -> None:
        # An experiment that changes its stage between this read and this write starts a new
        # epoch, which outdates the one written here: the run follows the experiment. A time to
        # live goes in the same write, lest the run expire before the projector has heard of it.
        meta = self._runs.meta(run_id)
        experiment = self._experiments.require(meta["experiment_id"], fresh=True)
        try:
            self._table.write(
                Update(
                    (run_pk(run_id), META),
                    set={**stage, "epoch": experiment.epoch},
                    remove=remove,
                    condition=ITEM_EXISTS,
                )
            )
        except ConditionFailed:
            raise_run_missing(run_id)
        finally:
            self._runs.forget(run_id)
        self._housekeeping.do_some()


def _new_meta(
    experiment: ExperimentState, run_id: str, name: str, user_id: str, start_time: int
) -> Item:
    if user_id is None:
        raise MlflowException("A run's user_id cannot be None; give a name or ''.", INTERNAL_ERROR)
    shard = zlib.crc32(run_id.encode()) % experiment.run_shards
    return {
        "PK": run_pk(run_id),
        "SK": META,
        FORM: newest_form(RUN),
        "experiment_id": experiment.experiment_id,
        "name": name,
        "user_id": as_text(user_id, "user_id"),
        "status": RunStatus.to_string(RunStatus.RUNNING),
        "start_time": start_time,
        "stage": ACTIVE,
        "epoch": experiment.epoch,
        "artifact_uri": append_to_uri_path(experiment.artifact_location, run_id, ARTIFACTS_FOLDER),
        "gsi1pk": runs_listing(experiment.experiment_id, shard),
        "gsi1sk": newest_first(start_time, run_id),
    }


def _run_name(run_name: str | None, tags: list[RunTag]) -> str:
    """The run's name; adds the tag that holds it to ``tags`` if it is not among them."""
    tagged = _get_run_name_from_tags(tags)
    if run_name and tagged and run_name != tagged:
        raise MlflowException(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{run_name}', mlflow.runName='{tagged}').",
            INVALID_PARAMETER_VALUE,
        )
    name = as_text(run_name or tagged or _generate_random_name(), "run name")
    if not tagged:
        tags.append(_name_tag(name))
    return name


def _name_tag(name: str) -> RunTag:
    return RunTag(MLFLOW_RUN_NAME, name)


def _tag_items(run_id: str, tags: Iterable[RunTag]) -> list[TextItems]:
    pk = run_pk(run_id)
    items: dict[str, TextItems] = {}
    for tag in tags:
        key = as_text(tag.key, "tag key")
        if key in items:
            raise MlflowException(
                f"The tag key {key!r} is given twice. Give each key once.", BAD_REQUEST
            )
        value = None if tag.value is None else as_text(tag.value, f"value of the tag {key!r}")
        items[key] = text_items(pk, tag_sk(key), key, value)
    return list(items.values())


def _checked_time(time_ms: int | None) -> int:
    if time_ms is None:
        raise MlflowException(
            "A run's start_time cannot be None; give milliseconds since the epoch.",
            INTERNAL_ERROR,
        )
    whole = whole_number(time_ms)
    if whole is None or whole == SMALLEST_INT:
        raise MlflowException.invalid_parameter_value(
            f"Invalid time {time_ms!r}: it must be a whole number of milliseconds (64 bits)."
        )
    return whole


def _same(meta: Item) -> Any:
    return both(equals("stage", meta["stage"]), equals("epoch", meta["epoch"]))
