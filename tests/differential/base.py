"""What every group of operations stands on: the pair, and the entities that exist."""

from __future__ import annotations

from abc import abstractmethod

from hypothesis.stateful import RuleBasedStateMachine
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.protos.databricks_pb2 import BAD_REQUEST, ErrorCode

from .pair import Pair

UNKNOWN_INDEX = 11
EXPERIMENTS_AT_ONCE = 4
VIEWS = (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)


class Compared(RuleBasedStateMachine):
    """Both stores, empty; after the sequence everything in them must be the same."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.pair = pair
        pair.empty()

    def teardown(self) -> None:
        """Compare everything that the stores hold, unless they have disagreed already."""
        if not self.pair.disagreed:
            self.compare_all()

    @staticmethod
    def pick(existing: list[str], index: int, unknown: str) -> str:
        """One of those that exist, or ``unknown``."""
        if index == UNKNOWN_INDEX or not existing:
            return unknown
        return existing[index % len(existing)]

    @abstractmethod
    def compare_all(self) -> None:
        """Compare all that was ever written."""


class Operations(Compared):
    """Both tracking stores."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair)
        self.experiments = ["0"]
        self.runs: list[str] = []
        self.models: list[str] = []

    def experiment(self, index: int) -> str:
        return self.pick(self.experiments, index, "4711")

    def run(self, index: int) -> str:
        return self.pick(self.runs, index, "0" * 32)

    def model(self, index: int) -> str:
        return self.pick(self.models, index, "m-0")

    def send_batch(
        self, run_id: str, metrics: list[Metric], params: list[Param], tags: list[RunTag]
    ) -> None:
        """Log a batch; where a logged model refuses a metric of it, make the stores even again.

        The SQL store has then kept the params and the run's metrics; ours keeps nothing.
        """
        self.pair.call("log_batch", run_id, metrics, params, tags)
        if self.pair.failed_with == ErrorCode.Name(BAD_REQUEST):
            kept = [Metric(m.key, m.value, m.timestamp, m.step) for m in metrics]
            self.pair.ours.store.log_batch(run_id, kept, params, [])

    def compare_all(self) -> None:
        """Compare all that was ever written."""
        call = self.pair.call
        call("search_experiments", view_type=ViewType.ALL)
        call("search_runs", self.experiments, None, ViewType.ALL)
        call("search_logged_models", self.experiments)
        self.pair.call_unordered("_get_deleted_runs")
        self.pair.call_unordered("_get_deleted_logged_models")
        self.pair.call_unordered("_search_datasets", self.experiments)
        for run_id in self.runs:
            run = call("get_run", run_id)
            for key in sorted(run.data.metrics if run else ()):
                call("get_metric_history", run_id, key)
        for model_id in self.models:
            call("get_logged_model", model_id, allow_deleted=True)
