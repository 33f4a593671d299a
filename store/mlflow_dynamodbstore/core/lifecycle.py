"""Lifecycle stages of experiments and runs.

Deleting or restoring an experiment is one write however many runs it has: an experiment keeps
``(stage, epoch)`` and starts a new epoch with each change of stage; a run keeps ``(stage, epoch)``
with the experiment's epoch that it saw. Where the epochs match the run's own stage counts, else
the experiment's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from dynamodbstore_events.keys import META, experiment_pk, run_pk
from dynamodbstore_table.conditions import Both, Condition, Either, Not, equals
from dynamodbstore_table.port import Item, Table
from mlflow.entities import LifecycleStage, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

ACTIVE: str = LifecycleStage.ACTIVE
DELETED: str = LifecycleStage.DELETED

_REMEMBERED_SECONDS = 5.0
_ACTIVE_SECONDS_IN_A_FILE = 1.0
_MOST_REMEMBERED = 10_000


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

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> ExperimentState:
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


def remembered_seconds(table: Table) -> float:
    """How long a process may rely on what it has read: 5 seconds on a remote table, 0 in a file,
    where looking again costs microseconds."""
    return _REMEMBERED_SECONDS if table.remote else 0.0


def _active_seconds(table: Table) -> float:
    """How long a process may rely, in writes, on having seen a run active."""
    return remembered_seconds(table) or _ACTIVE_SECONDS_IN_A_FILE


class Memory:
    """Values by key, each for at most ``seconds``; with 0 seconds nothing is remembered."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: dict[str, tuple[float, Any]] = {}

    def get(self, key: str) -> Any | None:
        found = self._values.get(key)
        if found is None or found[0] < time.monotonic():
            return None
        return found[1]

    def put(self, key: str, value: Any) -> None:
        if not self._seconds:
            return
        if len(self._values) >= _MOST_REMEMBERED:
            self._values = {}
        self._values[key] = (time.monotonic() + self._seconds, value)

    def forget(self, key: str) -> None:
        self._values.pop(key, None)

    def forget_all(self) -> None:
        self._values = {}


class Experiments:
    """Reads experiments' META items; each may be remembered (``remembered_seconds``)."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._memory = Memory(remembered_seconds(table))

    def find(self, experiment_id: str, *, fresh: bool = False) -> ExperimentState | None:
        """The experiment, or None; ``fresh`` asks the table whatever is remembered."""
        if not fresh and (known := self._memory.get(experiment_id)):
            state: ExperimentState = known
            return state
        item = self._table.get((experiment_pk(experiment_id), META))
        return self.remember(item) if item else None

    def find_many(self, experiment_ids: list[str]) -> dict[str, ExperimentState]:
        """Those of the experiments that exist, read afresh."""
        keys = [(experiment_pk(e), META) for e in experiment_ids]
        if len(keys) == 1:
            item = self._table.get(keys[0])
            found = [item] if item else []
        else:
            found = list(self._table.batch_get(keys).values())
        states = [self.remember(item) for item in found]
        return {state.experiment_id: state for state in states}

    def remember(self, item: Item) -> ExperimentState:
        state = ExperimentState.from_item(item)
        self._memory.put(state.experiment_id, state)
        return state

    def forget(self, experiment_id: str) -> None:
        self._memory.forget(experiment_id)

    def require(self, experiment_id: str, *, fresh: bool = False) -> ExperimentState:
        """The experiment; raises ``RESOURCE_DOES_NOT_EXIST`` if there is none."""
        state = self.find(experiment_id, fresh=fresh)
        if state is None:
            raise MlflowException(
                f"No Experiment with id={experiment_id} exists", RESOURCE_DOES_NOT_EXIST
            )
        return state

    def require_active(self, experiment_id: str, *, fresh: bool = False) -> ExperimentState:
        """The experiment; raises ``INVALID_PARAMETER_VALUE`` if it is deleted."""
        state = self.require(experiment_id, fresh=fresh)
        if state.stage != ACTIVE:
            raise MlflowException(
                f"The experiment {experiment_id} must be in the 'active' state. "
                f"Current state is {state.stage}.",
                INVALID_PARAMETER_VALUE,
            )
        return state


class Runs:
    """Reads runs' META items, and says before a write that the run exists and is active.

    A process remembers a yes for up to 5 seconds, in a file for 1.
    """

    def __init__(self, table: Table, experiments: Experiments) -> None:
        self._table = table
        self._experiments = experiments
        self._memory = Memory(_active_seconds(table))

    def meta(self, run_id: str) -> Item:
        """The run's META item; raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such run."""
        item = self._table.get((run_pk(run_id), META))
        if item is None:
            raise_run_missing(run_id)
        return item

    def require_active(self, run_id: str) -> str:
        """The experiment id of an active run.

        Raises ``RESOURCE_DOES_NOT_EXIST`` for no run and ``INVALID_PARAMETER_VALUE`` for a
        deleted one.
        """
        if known := self._memory.get(run_id):
            experiment_id: str = known
            return experiment_id
        meta = self.meta(run_id)
        self.check_active(run_id, meta)
        experiment_id = meta["experiment_id"]
        self._memory.put(run_id, experiment_id)
        return experiment_id

    def check_active(self, run_id: str, meta: Mapping[str, Any]) -> ExperimentState:
        """The experiment of an active run; raises ``INVALID_PARAMETER_VALUE`` otherwise."""
        experiment = self._experiments.require(meta["experiment_id"])
        stage = run_stage(meta, experiment)
        if stage != ACTIVE:
            raise MlflowException(
                f"The run {run_id} must be in the 'active' state. Current state is {stage}.",
                INVALID_PARAMETER_VALUE,
            )
        return experiment

    def remember(self, run_id: str, experiment_id: str) -> None:
        """This process has just seen the run active."""
        self._memory.put(run_id, experiment_id)

    def forget(self, run_id: str) -> None:
        self._memory.forget(run_id)

    def forget_all(self) -> None:
        """An experiment's change of stage changes its runs'."""
        self._memory.forget_all()


def raise_run_missing(run_id: str) -> NoReturn:
    """Raise what MLflow says of a run that is not there."""
    raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)
