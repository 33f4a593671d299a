"""The operations of traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from operation import Budget, Operation, Prepare, Step, Store
from trace_fixtures import SPANS, TraceFixtures

_FEW: Mapping[str, Any] = {"metered": 3, "blocks": 5, "calls": 2}
_ONCE: Mapping[str, Any] = {"metered": 1, "blocks": 3, "calls": 1}
_WARM_UP = 5


def _send(spans: int = SPANS, characters: int = 700) -> Prepare:
    """A trace as clients send it: spans in two calls, and its end."""

    def prepare(store: Store, fixtures: TraceFixtures, count: int) -> Step:
        traces = list(fixtures.new(count + _WARM_UP, spans, characters))

        def step(i: int) -> None:
            trace = traces[i % len(traces)]
            experiment_id = trace.info.experiment_id
            store.log_spans(experiment_id, trace.spans[:-1])
            store.log_spans(experiment_id, trace.spans[-1:])
            store.start_trace(trace.info)

        return step

    return prepare


def _otlp(store: Store, fixtures: TraceFixtures, count: int) -> Step:
    """500 spans of 50 traces that are there already."""
    batches = []
    for _ in range(count + _WARM_UP):
        traces = list(fixtures.new(50, spans=11, characters=100))
        experiment_id = traces[0].info.experiment_id
        store.log_spans(experiment_id, [trace.spans[-1] for trace in traces])
        batches.append((experiment_id, [s for trace in traces for s in trace.spans[:-1]]))

    def step(i: int) -> None:
        store.log_spans(*batches[i % len(batches)])

    return step


def _of_one(call: Callable[[Store, str], object]) -> Prepare:
    def prepare(store: Store, fixtures: TraceFixtures, count: int) -> Step:
        (trace,) = fixtures.new(1)
        store.log_spans(trace.info.experiment_id, trace.spans)
        store.start_trace(trace.info)
        return lambda i: call(store, trace.info.trace_id)

    return prepare


def _search(traces: int, text: str | None, page: int = 1) -> Prepare:
    def prepare(store: Store, fixtures: TraceFixtures, count: int) -> Step:
        experiment_id = fixtures.seeded(traces)

        def found(token: str | None) -> Any:
            return store.search_traces(
                locations=[experiment_id], filter_string=text, max_results=100, page_token=token
            )

        token = None
        for _ in range(page - 1):
            _, token = found(token)
        return lambda i: found(token)

    return prepare


def _metric(
    traces: int, view: MetricViewType, name: str, aggregation: MetricAggregation, dimension: str
) -> Prepare:
    def prepare(store: Store, fixtures: TraceFixtures, count: int) -> Step:
        experiment_id = fixtures.seeded(traces)
        return lambda i: store.query_trace_metrics(
            [experiment_id], view, name, [aggregation], [dimension]
        )

    return prepare


_SEARCHES = (
    ("the newest 100", None, (Budget(requests=6, read_units=150),)),
    ("by status", "trace.status = 'ERROR'", ()),
    ("by tag", "tags.team = 'team 7'", ()),
    ("by metadata", "metadata.`mlflow.trace.user` = 'user 7'", ()),
    ("by session", "metadata.`mlflow.trace.session` = 'session 7'", ()),
    ("by span name", "span.name = 'rare step'", ()),
    ("by span name and type", "span.name = 'step 2' AND span.type = 'LLM'", ()),
    ("by span attribute", "span.attributes.model LIKE '%needle%'", ()),
    ("by text", "trace.text ILIKE '%needle%'", ()),
)


def trace_operations(traces: int) -> list[Operation]:
    """Every operation; the searches are over ``traces`` traces."""
    count = MetricAggregation(AggregationType.COUNT)
    high = MetricAggregation(AggregationType.PERCENTILE, 90.0)
    of_traces, of_spans = MetricViewType.TRACES, MetricViewType.SPANS
    sent = (Budget(requests=7, write_units=20),)
    return [
        Operation("send a trace of 6 spans, 10 KB", _send(), sent),
        Operation("send a trace of 60 spans", _send(60), **_FEW),
        Operation("send a trace of 5 MB", _send(6, 400_000), **_FEW),
        Operation("log_spans of 500 spans of 50 traces", _otlp, (Budget(requests=12),), **_FEW),
        Operation("get_trace_info", _of_one(lambda s, i: s.get_trace_info(i)), (Budget(1),)),
        Operation("get_trace, 6 spans", _of_one(lambda s, i: s.get_trace(i)), (Budget(2),)),
        *(
            Operation(f"search_traces over {traces:,}, {what}", _search(traces, text), b, **_ONCE)
            for what, text, b in _SEARCHES
        ),
        Operation(
            f"search_traces over {traces:,}, page 10",
            _search(traces, None, 10),
            (Budget(requests=6, read_units=150),),
            **_ONCE,
        ),
        Operation(
            f"query_trace_metrics over {traces:,}, count by status",
            _metric(traces, of_traces, "trace_count", count, "trace_status"),
            **_ONCE,
        ),
        Operation(
            f"query_trace_metrics over {traces:,}, P90 latency by name",
            _metric(traces, of_traces, "latency", high, "trace_name"),
            **_ONCE,
        ),
        Operation(
            f"query_trace_metrics over {traces:,}, spans by type",
            _metric(traces, of_spans, "span_count", count, "span_type"),
            **_ONCE,
        ),
    ]
