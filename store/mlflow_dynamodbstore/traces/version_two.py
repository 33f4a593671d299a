"""Traces of clients older than MLflow 3: a trace is begun, then ended; its spans are artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mlflow.entities import TraceInfo, TraceLocation, TraceState
from mlflow.entities.trace_info_v2 import TraceInfoV2
from mlflow.entities.trace_status import TraceStatus
from mlflow.tracing.utils import generate_request_id_v2

from mlflow_dynamodbstore.traces.merging import TraceMerging
from mlflow_dynamodbstore.traces.traces import Traces


class TracesOfVersionTwo:
    """What clients older than MLflow 3 call."""

    serves: Final = ("deprecated_start_trace_v2", "deprecated_end_trace_v2")

    def __init__(self, traces: Traces, merging: TraceMerging) -> None:
        self._traces = traces
        self._merging = merging

    def deprecated_start_trace_v2(
        self,
        experiment_id: str,
        timestamp_ms: int,
        request_metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> TraceInfoV2:
        """Begin a trace with a new id; times in ms since the epoch.

        Raises ``RESOURCE_DOES_NOT_EXIST`` and ``INVALID_PARAMETER_VALUE`` for a missing or deleted
        experiment.
        """
        info = TraceInfo(
            trace_id=generate_request_id_v2(),
            trace_location=TraceLocation.from_experiment_id(experiment_id),
            request_time=timestamp_ms,
            state=TraceState.IN_PROGRESS,
            trace_metadata=dict(request_metadata),
            tags=dict(tags),
        )
        return TraceInfoV2.from_v3(self._merging.merge(info, final=False))

    def deprecated_end_trace_v2(
        self,
        request_id: str,
        timestamp_ms: int,
        status: TraceStatus,
        request_metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> TraceInfoV2:
        """End a trace at a time (ms); tags and metadata are merged.

        Raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such trace.
        """
        known = self._traces.get_trace_info(request_id)
        info = TraceInfo(
            trace_id=request_id,
            trace_location=known.trace_location,
            request_time=known.request_time,
            execution_duration=timestamp_ms - known.request_time,
            state=TraceStatus(status).to_state(),
            client_request_id=known.client_request_id,
            trace_metadata=dict(request_metadata),
            tags=dict(tags),
        )
        return TraceInfoV2.from_v3(self._merging.merge(info, final=False))
