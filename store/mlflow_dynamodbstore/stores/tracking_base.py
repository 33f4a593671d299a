"""What every part of the tracking store stands on: the table, and who is alive in it."""

from __future__ import annotations

from collections.abc import Callable

from dynamodbstore_events.entities import MODEL, RUN
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.port import Table
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.core.lifecycle import Experiments, Runs
from mlflow_dynamodbstore.garbage.tombstones import Tombstones
from mlflow_dynamodbstore.logged_models.model_metrics import ModelMetrics


class TrackingBase(AbstractStore):
    """The state that the parts of the tracking store share.

    ``artifact_root_uri`` is where experiments without a location of their own keep artifacts;
    without ``config`` the configuration is the table's alone.
    """

    def __init__(
        self, table: Table, artifact_root_uri: str, config: ConfigSource | None = None
    ) -> None:
        super().__init__()
        self.artifact_root_uri = artifact_root_uri
        self._table = table
        self._config = config or ConfigSource(table)
        self._expired_runs = Tombstones(table, RUN)
        self._expired_models = Tombstones(table, MODEL)
        self._experiments = Experiments(table)
        self._runs = Runs(table, self._experiments)
        self._model_metrics = ModelMetrics(table)
        self._housekeeping: Callable[[], None] | None = None

    def keep_house(self, now_and_then: Callable[[], None]) -> None:
        """Let calls that begin or end something also do a little of this work beside it."""
        self._housekeeping = now_and_then

    def _keep_house(self) -> None:
        if self._housekeeping is not None:
            self._housekeeping()

    def _workspace(self) -> str:
        """The workspace that names are claimed and listed in."""
        return DEFAULT_WORKSPACE_NAME
