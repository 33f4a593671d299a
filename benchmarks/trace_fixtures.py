"""Traces that operations work on, made once for each store, unmeasured."""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mlflow.entities import Span, TraceInfo, TraceState
from mlflow.entities.trace_location import TraceLocation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode
from operation import Store

SPANS: Final = 6
_TEXT: Final = (
    "The quarterly report shows that revenue in the northern region grew by twelve percent while "
    "costs stayed flat; the customer asked for a refund of order {n}, which was shipped late and "
    "arrived damaged. Please summarize the complaint, name the product, and propose an answer. "
)
_RESOURCE: Final = Resource({})


@dataclass(frozen=True, slots=True)
class Made:
    """A trace as a client sends it: its spans, the root last, and its end."""

    spans: list[Span]
    info: TraceInfo


Seed: TypeAlias = Callable[[Store, str, Sequence[Made]], None]
"""Keeps these traces in an experiment."""


def made(experiment_id: str, number: int, spans: int = SPANS, characters: int = 700) -> Made:
    """A trace of ``spans`` spans with ``characters`` of text each way; every hundredth is rare."""
    trace_id = f"tr-{uuid.uuid4().hex}"
    begin = int(time.time() * 1000) - number
    rare = number % 100 == 0
    found = [
        _span(trace_id, n, begin, "rare step" if rare and n == 2 else f"step {n}", characters)
        for n in range(spans, 0, -1)
    ]
    metadata = {
        "mlflow.trace.user": f"user {number % 50}",
        "mlflow.trace.session": f"session {number // 10}",
        "mlflow.source.name": "train.py",
        "mlflow.trace.sizeStats": json.dumps({"num_spans": spans}),
    }
    info = TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=begin,
        execution_duration=number % 1000,
        state=TraceState.ERROR if rare else TraceState.OK,
        request_preview=_TEXT.format(n=number),
        response_preview=_TEXT.format(n=-number),
        tags={"mlflow.traceName": f"flow {number % 5}", "team": f"team {number % 100}"},
        trace_metadata=metadata,
    )
    return Made(found, info)


def _span(trace_id: str, n: int, begin_ms: int, name: str, characters: int) -> Span:
    text = (_TEXT.format(n=f"{trace_id}-{n}") * (characters // len(_TEXT) + 1))[:characters]
    word = "needle" if name == "rare step" else "hay"
    values: dict[str, Any] = {
        "mlflow.traceRequestId": trace_id,
        "mlflow.spanType": "LLM" if n % 2 else "TOOL",
        "mlflow.spanInputs": {"question": text, "word": word},
        "mlflow.spanOutputs": text,
        "mlflow.chat.tokenUsage": {"input_tokens": n, "output_tokens": 1, "total_tokens": n + 1},
        "model": "gpt" if n % 2 else "claude",
    }
    trace = int(trace_id.removeprefix("tr-"), 16)
    return Span(
        ReadableSpan(
            name=name,
            context=SpanContext(trace, n, is_remote=False),
            parent=None if n == 1 else SpanContext(trace, 1, is_remote=False),
            attributes={key: json.dumps(value) for key, value in values.items()},
            start_time=(begin_ms + n) * 1_000_000,
            end_time=(begin_ms + n + 5) * 1_000_000,
            status=Status(StatusCode.OK),
            resource=_RESOURCE,
        )
    )


def seed_by_sending(store: Store, experiment_id: str, traces: Sequence[Made]) -> None:
    """Send the traces, the spans of fifty in a call."""
    for first in range(0, len(traces), 50):
        chunk = traces[first : first + 50]
        store.log_spans(experiment_id, [span for trace in chunk for span in trace.spans])
        for trace in chunk:
            store.start_trace(trace.info)


class TraceFixtures:
    """One store's traces for the operations."""

    def __init__(self, store: Store, seed: Seed) -> None:
        self._store = store
        self._seed = seed
        self._seeded: dict[int, str] = {}

    def through(self, store: Store) -> TraceFixtures:
        """The same seeded traces, with new ones made by another store on the same table."""
        other = copy.copy(self)
        other._store = store
        return other

    def experiment(self) -> str:
        """A new experiment's id."""
        created: str = self._store.create_experiment(f"traces {uuid.uuid4().hex[:8]}")
        return created

    def new(self, count: int, spans: int = SPANS, characters: int = 700) -> Iterator[Made]:
        """``count`` traces of a new experiment, not yet sent."""
        experiment_id = self.experiment()
        return (made(experiment_id, n, spans, characters) for n in range(count))

    def seeded(self, traces: int) -> str:
        """The id of an experiment of ``traces`` traces."""
        if traces not in self._seeded:
            experiment_id = self.experiment()
            for first in range(0, traces, 1000):
                numbers = range(first, min(first + 1000, traces))
                self._seed(self._store, experiment_id, [made(experiment_id, n) for n in numbers])
            self._seeded[traces] = experiment_id
        return self._seeded[traces]
