"""Tombstones of runs and models that have expired, for the garbage collector and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from dynamodbstore_events.entities import MODEL, RUN
from dynamodbstore_events.keys import EXPIRED_MODELS, EXPIRED_RUNS, GSI2, Key, oldest_first
from dynamodbstore_projections.expiry.records import expired_id
from dynamodbstore_table.port import Delete, Item, SortRange, Table
from mlflow.entities import (
    LoggedModel,
    LoggedModelStatus,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)

from mlflow_dynamodbstore.core.lifecycle import DELETED
from mlflow_dynamodbstore.core.scope import Scope

_LISTINGS = {RUN: EXPIRED_RUNS, MODEL: EXPIRED_MODELS}
_AT_ONCE = 1000
_LAST = "\U0010ffff"


class Tombstones:
    """Finds the tombstones of one kind of entity, ``RUN`` or ``LM``, and remembers those that it
    has listed: ``get`` returns only these, and only in this process."""

    def __init__(self, table: Table, kind: str, scope: Scope) -> None:
        self._table = table
        self._kind = kind
        self._scope = scope
        self._reported: dict[str, Item] = {}

    def deleted_before(self, deadline_ms: int) -> list[str]:
        """Ids of those of the workspace that had been deleted by a time, the earliest first."""
        if deadline_ms < 0:
            return []
        keys = self._listed(deadline_ms)
        found: list[str] = []
        while chunk := list(islice(keys, _AT_ONCE)):
            # In the order of the listing, which a batch does not keep.
            items = self._table.batch_get(chunk)
            for item in (items[key] for key in chunk if key in items):
                if self._scope.owns(item["workspace"]):
                    entity_id = expired_id(item)
                    self._reported[entity_id] = item
                    found.append(entity_id)
        return found

    def _listed(self, deadline_ms: int) -> Iterator[Key]:
        upto = SortRange(high=oldest_first(deadline_ms, _LAST))
        listing = _LISTINGS[self._kind]
        for item in self._table.query_all(listing, index=GSI2, sk=upto, consistent=False):
            yield item["PK"], item["SK"]

    def get(self, entity_id: str) -> Item | None:
        """The tombstone of an id that ``deleted_before`` returned; else None."""
        item = self._reported.get(entity_id)
        return item if item is not None and self._scope.owns(item["workspace"]) else None

    def remove(self, entity_id: str) -> bool:
        """Remove the tombstone of an id that ``deleted_before`` returned; whether there was one."""
        item = self.get(entity_id)
        if item is None:
            return False
        self._reported.pop(entity_id, None)
        self._table.write(Delete((item["PK"], item["SK"])))
        return True


def expired_run(tombstone: Item) -> Run:
    """What is left of an expired run: its id, its experiment, and where its artifacts are."""
    info = RunInfo(
        run_id=expired_id(tombstone),
        experiment_id=tombstone["experiment_id"],
        user_id="",
        status=RunStatus.to_string(RunStatus.FINISHED),
        start_time=0,
        end_time=None,
        lifecycle_stage=DELETED,
        artifact_uri=tombstone["artifact_uri"],
    )
    return Run(info, RunData(), RunInputs(dataset_inputs=[]), RunOutputs([]))


def expired_model(tombstone: Item) -> LoggedModel:
    """What is left of an expired logged model."""
    return LoggedModel(
        experiment_id=tombstone["experiment_id"],
        model_id=expired_id(tombstone),
        name="",
        artifact_location=tombstone["artifact_uri"],
        creation_timestamp=tombstone["deleted"],
        last_updated_timestamp=tombstone["deleted"],
        status=LoggedModelStatus.READY,
    )
