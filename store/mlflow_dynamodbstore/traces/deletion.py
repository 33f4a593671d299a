"""``delete_traces``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mlflow.utils.validation import _parse_experiment_id

from mlflow_dynamodbstore.core.lookup import ExperimentLookup
from mlflow_dynamodbstore.traces.removal import TraceRemoval


class TraceDeletion:
    """Deletes traces of the experiments of one scope."""

    serves: Final = ("_delete_traces",)

    def __init__(self, experiments: ExperimentLookup, removal: TraceRemoval) -> None:
        self._experiments = experiments
        self._removal = removal

    def _delete_traces(
        self,
        experiment_id: str,
        max_timestamp_millis: int | None = None,
        max_traces: int | None = None,
        trace_ids: list[str] | None = None,
    ) -> int:
        """Delete traces by their ids, or the oldest up to a time (ms, included).

        Returns how many there were. Ids of other experiments are passed over.
        """
        experiment = self._experiments.find(str(_parse_experiment_id(experiment_id)))
        if experiment is None:
            return 0
        self._removal.finish(experiment.experiment_id)
        chosen: Iterable[str] = dict.fromkeys(trace_ids or ())
        if not trace_ids:
            chosen = self._removal.oldest(
                experiment.experiment_id,
                experiment.trace_shards,
                until_ms=max_timestamp_millis,
                most=max_traces,
            )
        return self._removal.delete(experiment.experiment_id, chosen)
