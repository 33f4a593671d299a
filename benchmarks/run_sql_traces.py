"""MLflow's own SQL store filled with traces, their rows inserted in bulk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mlflow.store.tracking.dbmodels.models import (
    SqlSpan,
    SqlTraceInfo,
    SqlTraceMetadata,
    SqlTraceTag,
)
from mlflow.tracing.otel.translation import translate_span_when_storing
from mlflow.tracing.utils import TraceJSONEncoder
from operation import Store
from trace_fixtures import Made

_SESSION = "mlflow.trace.session"
_NAME = "mlflow.traceName"


def seed_sql_traces(store: Store, experiment_id: str, traces: Sequence[Made]) -> None:
    """Insert the rows that sending the traces would leave."""
    infos, tags, metadata, spans = [], [], [], []
    for trace in traces:
        info = trace.info
        own_tags = {**info.tags, "mlflow.trace.spansLocation": "TRACKING_STORE"}
        infos.append(
            {
                "request_id": info.trace_id,
                "experiment_id": int(experiment_id),
                "timestamp_ms": info.request_time,
                "execution_time_ms": info.execution_duration,
                "status": info.state.value,
                "request_preview": info.request_preview,
                "response_preview": info.response_preview,
                "trace_name": own_tags.pop(_NAME),
                "session_id": info.trace_metadata[_SESSION],
            }
        )
        tags += [_pair(info.trace_id, key, value) for key, value in own_tags.items()]
        metadata += [
            _pair(info.trace_id, key, value)
            for key, value in {**info.trace_metadata, "mlflow.trace.infoFinalized": "true"}.items()
            if key != _SESSION
        ]
        spans += [_span(experiment_id, info.trace_id, span) for span in trace.spans]
    with store.ManagedSessionMaker(read_only=False) as session:
        session.bulk_insert_mappings(SqlTraceInfo, infos)
        session.bulk_insert_mappings(SqlTraceTag, tags)
        session.bulk_insert_mappings(SqlTraceMetadata, metadata)
        session.bulk_insert_mappings(SqlSpan, spans)


def _pair(trace_id: str, key: str, value: str) -> dict[str, str]:
    return {"request_id": trace_id, "key": key, "value": value}


def _span(experiment_id: str, trace_id: str, span: Any) -> dict[str, Any]:
    content = json.dumps(
        translate_span_when_storing(span), cls=TraceJSONEncoder, ensure_ascii=False
    )
    return {
        "trace_id": trace_id,
        "experiment_id": int(experiment_id),
        "span_id": span.span_id,
        "parent_span_id": span.parent_id,
        "name": span.name,
        "type": span.span_type,
        "status": span.status.status_code.value,
        "start_time_unix_nano": span.start_time_ns,
        "end_time_unix_nano": span.end_time_ns,
        "content": content,
    }
