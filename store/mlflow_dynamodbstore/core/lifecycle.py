"""Lifecycle stages of experiments and runs.

Deleting or restoring an experiment is one write however many runs it has: an experiment keeps
``(stage, epoch)`` and starts a new epoch with each change of stage; a run keeps ``(stage, epoch)``
with the experiment's epoch that it saw. Where the epochs match the run's own stage counts, else
the experiment's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dynamodbstore_events.entities import EXPERIMENT
from dynamodbstore_events.keys import DEFAULT_TRACE_SHARDS
from dynamodbstore_table.conditions import Both, Condition, Either, Not, equals
from dynamodbstore_table.items.forms import current
from dynamodbstore_table.port import Item
from dynamodbstore_table.shaped import require_shape
from mlflow.entities import LifecycleStage, ViewType

ACTIVE: str = LifecycleStage.ACTIVE
DELETED: str = LifecycleStage.DELETED


@dataclass(frozen=True, slots=True)
class ExperimentState:
    """An experiment's META item: names, places, stage; times in ms."""

    experiment_id: str
    name: str
    workspace: str
    artifact_location: str
    stage: str
    epoch: int
    created: int
    updated: int
    deleted: int | None
    run_shards: int
    trace_shards: int = DEFAULT_TRACE_SHARDS

    @classmethod
    def from_item(cls, item: Item) -> ExperimentState:
        """The state in an experiment's META item; raises ``NewerForm`` and
        ``DamagedItem``."""
        require_shape(item)
        item = current(EXPERIMENT, item)
        return cls(
            experiment_id=item["PK"].partition("#")[2],
            name=item["name"],
            workspace=item["workspace"],
            artifact_location=item["artifact_location"],
            stage=item["stage"],
            epoch=item["epoch"],
            created=item["created"],
            updated=item["updated"],
            deleted=item.get("deleted"),
            run_shards=item["run_shards"],
            # An experiment made before traces were kept has as many as a new one by default.
            trace_shards=item.get("trace_shards", DEFAULT_TRACE_SHARDS),
        )


def run_stage(meta: Mapping[str, Any], experiment: ExperimentState) -> str:
    """The stage of the run whose META item is ``meta``."""
    own = meta["epoch"] == experiment.epoch
    stage: str = meta["stage"] if own else experiment.stage
    return stage


def run_deleted_time(meta: Mapping[str, Any], experiment: ExperimentState) -> int | None:
    """When the run was deleted (ms), by itself or with its experiment; None for an active run."""
    if run_stage(meta, experiment) != DELETED:
        return None
    own = meta["epoch"] == experiment.epoch
    return meta.get("deleted") if own else experiment.deleted


def in_view(view_type: int, experiment: ExperimentState) -> Condition | None:
    """The condition on a run's META that puts it into a view; None where every run is in it."""
    if view_type == ViewType.ALL:
        return None
    wanted = ACTIVE if view_type == ViewType.ACTIVE_ONLY else DELETED
    same_epoch = equals("epoch", experiment.epoch)
    if experiment.stage == wanted:
        return Either((equals("stage", wanted), Not(same_epoch)))
    return Both((same_epoch, equals("stage", wanted)))
