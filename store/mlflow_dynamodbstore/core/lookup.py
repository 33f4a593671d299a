"""From the id of an experiment, a run or a logged model to its META item, or MLflow's error.

Every method that is given an id goes through here: an entity of another workspace is as absent as
one that does not exist. What was read may be remembered (``memory``). To which experiment a run or
a model belongs never changes, and the experiment has the workspace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from dynamodbstore_events.entities import FORM, MODEL, RUN
from dynamodbstore_events.keys import GSI1, META, experiment_pk, model_pk, run_pk
from dynamodbstore_table.items.forms import check_form, current
from dynamodbstore_table.port import Item, Table
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

from mlflow_dynamodbstore.core.lifecycle import ACTIVE, ExperimentState, run_stage
from mlflow_dynamodbstore.core.memory import Memory, active_seconds, remembered_seconds
from mlflow_dynamodbstore.core.scope import Scope


class ExperimentLookup:
    """Finds the experiments of the scope; each may be remembered (``remembered_seconds``)."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope
        self._memory = Memory(remembered_seconds(table), table)

    def find(self, experiment_id: str, *, fresh: bool = False) -> ExperimentState | None:
        """The experiment, or None; ``fresh`` reads the table whatever is remembered."""
        known = None if fresh else self._memory.get(experiment_id)
        if known is not None:
            state: ExperimentState = known
            return state if self._scope.owns(state.workspace) else None
        item = self._table.get((experiment_pk(experiment_id), META))
        return None if item is None else self.remember(item)

    def find_many(self, experiment_ids: Sequence[str]) -> dict[str, ExperimentState]:
        """Those of the experiments that exist, read afresh."""
        keys = [(experiment_pk(e), META) for e in experiment_ids]
        if len(keys) == 1:
            item = self._table.get(keys[0])
            found = [item] if item else []
        else:
            found = list(self._table.batch_get(keys).values())
        states = [state for item in found if (state := self.remember(item)) is not None]
        return {state.experiment_id: state for state in states}

    def all_ids(self) -> list[str]:
        """The ids of all experiments of the workspace, in whatever stage."""
        listed = self._table.query_all(
            self._scope.experiments_listing,
            index=GSI1,
            consistent=False,
            attributes=("PK", "SK"),
        )
        return [item["PK"].partition("#")[2] for item in listed]

    def known_many(self, experiment_ids: Sequence[str]) -> dict[str, ExperimentState]:
        """Those of the experiments that exist; one alone may be remembered."""
        if len(experiment_ids) != 1:
            return self.find_many(experiment_ids) if experiment_ids else {}
        state = self.find(experiment_ids[0])
        return {} if state is None else {state.experiment_id: state}

    def remember(self, item: Item) -> ExperimentState | None:
        """The experiment of a META item that was read, or None if it is another workspace's."""
        state = ExperimentState.from_item(item)
        self._memory.put(state.experiment_id, state)
        return state if self._scope.owns(state.workspace) else None

    def forget(self, experiment_id: str) -> None:
        """Read the experiment again when it is needed."""
        self._memory.forget(experiment_id)

    def require(self, experiment_id: str, *, fresh: bool = False) -> ExperimentState:
        """The experiment; raises ``RESOURCE_DOES_NOT_EXIST`` if it is missing."""
        state = self.find(experiment_id, fresh=fresh)
        if state is None:
            raise_experiment_missing(experiment_id)
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

    def check(self, experiment_id: str) -> None:
        """Raise ``RESOURCE_DOES_NOT_EXIST`` for an experiment of another workspace.

        Whether it exists at all is looked up only where the table is shared.
        """
        if self._scope.shared:
            self.require(experiment_id)

    def owned(self, experiment_ids: Iterable[str]) -> list[str]:
        """Those of the experiments that are not another workspace's, in their order; each exists
        where the table is shared."""
        wanted = list(dict.fromkeys(experiment_ids))
        if not self._scope.shared or not wanted:
            return wanted
        found = self.find_many(wanted)
        return [experiment_id for experiment_id in wanted if experiment_id in found]


class RunLookup:
    """Finds the META items of runs, and checks before a write that the run exists and is active.

    A process remembers a yes for up to 5 seconds, in a file for 1.
    """

    def __init__(self, table: Table, scope: Scope, experiments: ExperimentLookup) -> None:
        self._table = table
        self._scope = scope
        self._experiments = experiments
        self._active = Memory(active_seconds(table), table)
        self._experiment_ids = Memory(remembered_seconds(table), table)

    def meta(self, run_id: str) -> Item:
        """The run's META item; raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such run."""
        item = self._table.get((run_pk(run_id), META))
        if item is None or not self.owns(item):
            raise_run_missing(run_id)
        return current(RUN, item)

    def check(self, run_id: str) -> None:
        """Raise ``RESOURCE_DOES_NOT_EXIST`` for a run of another workspace.

        Whether it exists at all is looked up only where the table is shared.
        """
        if self._scope.shared:
            self.meta(run_id)

    def owns(self, meta: Mapping[str, Any]) -> bool:
        """Whether the run of a META item is not another workspace's."""
        shared = self._scope.shared
        return not shared or self._experiments.find(meta["experiment_id"]) is not None

    def experiment(self, run_id: str, meta: Mapping[str, Any]) -> ExperimentState:
        """The experiment of a run; raises ``RESOURCE_DOES_NOT_EXIST`` for the run of another
        workspace, and for an experiment that has gone."""
        state = self._experiments.find(meta["experiment_id"])
        if state is None:
            if self._scope.shared:
                raise_run_missing(run_id)
            raise_experiment_missing(meta["experiment_id"])
        return state

    def require_active(self, run_id: str) -> str:
        """The experiment id of an active run.

        Raises ``RESOURCE_DOES_NOT_EXIST`` for no run and ``INVALID_PARAMETER_VALUE`` for a
        deleted one.
        """
        if known := self._active.get(run_id):
            experiment_id: str = known
            if self._scope.shared and self._experiments.find(experiment_id) is None:
                raise_run_missing(run_id)
            return experiment_id
        meta = self.meta(run_id)
        self.check_active(run_id, meta)
        experiment_id = meta["experiment_id"]
        self._active.put(run_id, experiment_id)
        return experiment_id

    def check_active(self, run_id: str, meta: Mapping[str, Any]) -> ExperimentState:
        """The experiment of an active run; raises ``INVALID_PARAMETER_VALUE`` otherwise."""
        experiment = self.experiment(run_id, meta)
        stage = run_stage(meta, experiment)
        if stage != ACTIVE:
            raise MlflowException(
                f"The run {run_id} must be in the 'active' state. Current state is {stage}.",
                INVALID_PARAMETER_VALUE,
            )
        return experiment

    def owned(self, run_ids: Iterable[str]) -> list[str]:
        """Those of the runs that are not another workspace's, in their order; each exists where
        the table is shared."""
        wanted = list(run_ids)
        if not self._scope.shared or not wanted:
            return wanted
        known = {run_id: self._experiment_ids.get(run_id) for run_id in wanted}
        keys = [(run_pk(run_id), META) for run_id, known_id in known.items() if known_id is None]
        if keys:
            found = self._table.batch_get(keys, attributes=("PK", "experiment_id"))
            for run_id in known:
                if meta := found.get((run_pk(run_id), META)):
                    known[run_id] = meta["experiment_id"]
                    self._experiment_ids.put(run_id, meta["experiment_id"])
        owned = set(self._experiments.owned(e for e in known.values() if e is not None))
        return [run_id for run_id in wanted if known[run_id] in owned]

    def remember(self, run_id: str, experiment_id: str) -> None:
        """This process has just seen the run active."""
        self._active.put(run_id, experiment_id)

    def forget(self, run_id: str) -> None:
        """Read the run again when it is needed."""
        self._active.forget(run_id)

    def forget_all(self) -> None:
        """An experiment's change of stage changes its runs'."""
        self._active.forget_all()


class LoggedModelLookup:
    """Finds the META items of logged models."""

    def __init__(self, table: Table, scope: Scope, experiments: ExperimentLookup) -> None:
        self._table = table
        self._scope = scope
        self._experiments = experiments

    def meta(self, model_id: str) -> Item:
        """The ``PK``, ``stage`` and ``experiment_id`` of a model in any stage.

        Raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such model.
        """
        key = (model_pk(str(model_id)), META)
        item = self._table.get(key, attributes=("PK", "stage", "experiment_id", FORM))
        if item is None or not self.owns(item):
            raise_logged_model_missing(model_id)
        check_form(MODEL, item)
        return item

    def owns(self, meta: Mapping[str, Any]) -> bool:
        """Whether the model of a META item is not another workspace's."""
        shared = self._scope.shared
        return not shared or self._experiments.find(meta["experiment_id"]) is not None

    def check(self, model_id: str) -> None:
        """Raise ``RESOURCE_DOES_NOT_EXIST`` for a model of another workspace.

        Whether it exists at all is looked up only where the table is shared.
        """
        if self._scope.shared:
            self.meta(model_id)


class Lookup:
    """The lookups of one store: by kind of entity, with the scope that they share."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self.scope = scope
        self.experiments = ExperimentLookup(table, scope)
        self.runs = RunLookup(table, scope, self.experiments)
        self.logged_models = LoggedModelLookup(table, scope, self.experiments)


def raise_experiment_missing(experiment_id: str) -> NoReturn:
    """Raise MLflow's error for an experiment that is not there."""
    raise MlflowException(f"No Experiment with id={experiment_id} exists", RESOURCE_DOES_NOT_EXIST)


def raise_run_missing(run_id: str) -> NoReturn:
    """Raise MLflow's error for a run that is not there."""
    raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)


def raise_logged_model_missing(model_id: str) -> NoReturn:
    """Raise MLflow's error for a logged model that is not there."""
    raise MlflowException(f"Logged model with ID '{model_id}' not found.", RESOURCE_DOES_NOT_EXIST)
