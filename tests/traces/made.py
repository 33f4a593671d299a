"""Traces, spans and assessments as clients make them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from mlflow.entities import AssessmentSource, Expectation, Feedback, Span, TraceInfo, TraceState
from mlflow.entities.trace_location import TraceLocation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode

NOW_MS = int(time.time() * 1000)
HUMAN = AssessmentSource(source_type="HUMAN", source_id="ada")


def new_trace_id() -> str:
    return f"tr-{secrets.token_hex(16)}"


def new_span(
    trace_id: str,
    span_id: int = 1,
    parent_id: int | None = None,
    *,
    name: str = "step",
    start_ms: int = NOW_MS,
    end_ms: int | None = NOW_MS + 10,
    status: str = "OK",
    inputs: Any = None,
    outputs: Any = None,
    attributes: Mapping[str, Any] | None = None,
    resource: Mapping[str, str] | None = None,
) -> Span:
    """A span as it is when it has ended; without a parent it is the root."""
    values = {"mlflow.traceRequestId": trace_id, **(attributes or {})}
    if inputs is not None:
        values["mlflow.spanInputs"] = inputs
    if outputs is not None:
        values["mlflow.spanOutputs"] = outputs
    trace = int(trace_id.removeprefix("tr-"), 16)
    return Span(
        ReadableSpan(
            name=name,
            context=SpanContext(trace, span_id, is_remote=False),
            parent=None if parent_id is None else SpanContext(trace, parent_id, is_remote=False),
            attributes={key: json.dumps(value) for key, value in values.items()},
            start_time=start_ms * 1_000_000,
            end_time=None if end_ms is None else end_ms * 1_000_000,
            status=Status(StatusCode[status]),
            resource=Resource(dict(resource or {})),
        )
    )


def new_trace_info(
    trace_id: str,
    experiment_id: str = "0",
    *,
    time_ms: int = NOW_MS,
    duration_ms: int | None = 10,
    state: TraceState = TraceState.OK,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    request: str | None = None,
    response: str | None = None,
    assessments: list[Any] | None = None,
) -> TraceInfo:
    """What a client gives at the end of a trace."""
    return TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=time_ms,
        execution_duration=duration_ms,
        state=state,
        tags=dict(tags or {}),
        trace_metadata=dict(metadata or {}),
        request_preview=request,
        response_preview=response,
        assessments=assessments or [],
    )


def new_feedback(
    trace_id: str,
    value: Any,
    *,
    name: str = "quality",
    run_id: str | None = None,
    overrides: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Feedback:
    """A feedback that a person, or a run, gives."""
    of_run = {} if run_id is None else {"mlflow.assessment.sourceRunId": run_id}
    return Feedback(
        name=name,
        value=value,
        source=HUMAN,
        trace_id=trace_id,
        overrides=overrides,
        metadata={**(metadata or {}), **of_run} or None,
    )


def new_expectation(trace_id: str, value: Any, *, name: str = "answer") -> Expectation:
    """What a person expects."""
    return Expectation(name=name, value=value, source=HUMAN, trace_id=trace_id)
