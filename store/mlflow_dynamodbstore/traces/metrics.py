"""``query_trace_metrics``: counts, sums, averages, percentiles of traces, spans, assessments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from dynamodbstore_events.keys import ASSESS
from dynamodbstore_table.port import Table
from mlflow.entities.trace_metrics import MetricAggregation, MetricDataPoint, MetricViewType
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import MAX_RESULTS_QUERY_TRACE_METRICS
from mlflow.tracing.constant import (
    AssessmentMetricDimensionKey,
    AssessmentMetricKey,
    AssessmentMetricSearchKey,
    SpanMetricDimensionKey,
    SpanMetricKey,
    SpanMetricSearchKey,
    TraceMetricDimensionKey,
    TraceMetricKey,
    TraceMetricSearchKey,
)
from mlflow.utils.search_utils import SearchTraceMetricsUtils
from mlflow.utils.validation import _parse_experiment_ids

from mlflow_dynamodbstore.core.lookup import ExperimentLookup
from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Clause, Field, Row, clause
from mlflow_dynamodbstore.traces.aggregation import Fact, data_points
from mlflow_dynamodbstore.traces.head import Head
from mlflow_dynamodbstore.traces.matching import Matching, between
from mlflow_dynamodbstore.traces.search import metadata_clause, tag_clause
from mlflow_dynamodbstore.traces.search_values import read_apart, with_validity
from mlflow_dynamodbstore.traces.spans import Digest, read_digests

_NS_IN_MS: Final = 1_000_000
_LONGEST_TRACE_MS: Final = 7 * 86_400_000
"""How long after the time of a trace its spans may start and be found by their own time."""
_COSTS: Final = {
    SpanMetricKey.INPUT_COST: "input_cost",
    SpanMetricKey.OUTPUT_COST: "output_cost",
    SpanMetricKey.TOTAL_COST: "total_cost",
}
_OF_TRACE: Final[Mapping[str, Callable[[Row], Any]]] = {
    TraceMetricDimensionKey.TRACE_NAME: lambda row: row.get("name"),
    TraceMetricDimensionKey.TRACE_STATUS: lambda row: row["state"],
}
_OF_SPAN: Final[Mapping[str, Callable[[Digest], Any]]] = {
    SpanMetricDimensionKey.SPAN_NAME: lambda span: span.name,
    SpanMetricDimensionKey.SPAN_TYPE: lambda span: span.type,
    SpanMetricDimensionKey.SPAN_STATUS: lambda span: span.status,
    SpanMetricDimensionKey.SPAN_MODEL_NAME: lambda span: span.model,
    SpanMetricDimensionKey.SPAN_MODEL_PROVIDER: lambda span: span.provider,
}
_SPAN_FIELDS: Final = {
    SpanMetricSearchKey.NAME: "name",
    SpanMetricSearchKey.STATUS: "status",
    SpanMetricSearchKey.TYPE: "type",
}
_FORM_FIELDS: Final = {
    AssessmentMetricSearchKey.NAME: "name",
    AssessmentMetricSearchKey.TYPE: "type",
}


class TraceMetrics:
    """``query_trace_metrics``."""

    def __init__(self, table: Table, experiments: ExperimentLookup, matching: Matching) -> None:
        self._table = table
        self._experiments = experiments
        self._matching = matching

    def query_trace_metrics(
        self,
        experiment_ids: list[str],
        view_type: MetricViewType,
        metric_name: str,
        aggregations: list[MetricAggregation],
        dimensions: list[str] | None = None,
        filters: list[str] | None = None,
        time_interval_seconds: int | None = None,
        start_time_ms: int | None = None,
        end_time_ms: int | None = None,
        max_results: int = MAX_RESULTS_QUERY_TRACE_METRICS,
        page_token: str | None = None,
    ) -> PagedList[MetricDataPoint]:
        """The points of a metric of traces, spans or assessments in a range of time (ms, both ends
        included), by buckets of time and by dimensions.

        Raises ``INVALID_PARAMETER_VALUE`` for a metric, aggregation, dimension or filter that there
        is not, and for buckets without both ends of the range.
        """
        from mlflow.store.tracking.utils.sql_trace_metrics_utils import (
            validate_query_trace_metrics_params,
        )

        validate_query_trace_metrics_params(view_type, metric_name, aggregations, dimensions)
        if time_interval_seconds and (start_time_ms is None or end_time_ms is None):
            raise MlflowException.invalid_parameter_value(
                "start_time_ms and end_time_ms are required if time_interval_seconds is set"
            )
        wanted = [str(one) for one in _parse_experiment_ids(experiment_ids)]
        of_trace, of_part = _filters(filters or (), view_type)
        names = list(dimensions or ())
        if view_type == MetricViewType.SPANS:
            facts = self._of_spans(
                wanted, metric_name, names, of_trace, of_part, start_time_ms, end_time_ms
            )
        else:
            rows = self._matching.rows(
                wanted, clauses=[*of_trace, *between(start_time_ms, end_time_ms)]
            )
            if view_type == MetricViewType.ASSESSMENTS:
                facts = self._of_assessments(rows, metric_name, names, of_part)
            else:
                facts = _of_traces(rows, metric_name, names)
        points = data_points(
            metric_name,
            facts,
            aggregations,
            names,
            bucket_seconds=time_interval_seconds,
            distinct=metric_name == TraceMetricKey.SESSION_COUNT,
            most=max_results,
        )
        return PagedList(points, None)

    def _of_spans(
        self,
        experiment_ids: Sequence[str],
        metric_name: str,
        dimensions: Sequence[str],
        of_trace: Sequence[Clause],
        of_span: Mapping[str, str],
        start_ms: int | None,
        end_ms: int | None,
    ) -> Iterator[Fact]:
        """Counts and latencies are chosen by the time of the trace, costs by the span's start."""
        by_span = metric_name in _COSTS
        begin, end = (start_ms, end_ms)
        if by_span:
            begin = None if start_ms is None else start_ms - _LONGEST_TRACE_MS
            end = None if end_ms is None else end_ms + _LONGEST_TRACE_MS
        rows = self._matching.rows(experiment_ids, clauses=[*of_trace, *between(begin, end)])
        heads = [Head.from_item(row) for row in rows]
        if by_span:
            heads = [head for head in heads if _may_have_spans(head, start_ms, end_ms)]
        found = read_digests(
            self._table, {head.trace_id: head.batches for head in heads}, consistent=False
        )
        value = _value_of_span(metric_name)
        for head in heads:
            for span in found[head.trace_id]:
                if any(getattr(span, name) != text for name, text in of_span.items()):
                    continue
                at = span.start_ns // _NS_IN_MS
                if by_span and not (
                    (start_ms is None or start_ms <= at) and (end_ms is None or at <= end_ms)
                ):
                    continue
                shown = tuple(_OF_SPAN[name](span) for name in dimensions)
                yield Fact(span.start_ns / _NS_IN_MS, value(span), shown)

    def _of_assessments(
        self,
        rows: Sequence[Row],
        metric_name: str,
        dimensions: Sequence[str],
        of_assessment: Mapping[str, str],
    ) -> Iterator[Fact]:
        from mlflow.store.tracking.utils.trace_analytics import assessment_aggregate

        assessed = [row for row in rows if row.get("assessed")]
        texts = read_apart(self._table, assessed, ASSESS, consistent=False)
        for row in assessed:
            for form, valid in with_validity(texts.get(row["PK"], {})):
                if not valid or any(form[name] != text for name, text in of_assessment.items()):
                    continue
                counted = metric_name == AssessmentMetricKey.ASSESSMENT_COUNT
                value = 1 if counted else assessment_aggregate(form["value"])[0]
                dimension = {
                    AssessmentMetricDimensionKey.ASSESSMENT_NAME: form["name"],
                    AssessmentMetricDimensionKey.ASSESSMENT_VALUE: json.dumps(form["value"]),
                }
                yield Fact(row["time"], value, tuple(dimension[name] for name in dimensions))


def _of_traces(rows: Sequence[Row], metric_name: str, names: Sequence[str]) -> Iterator[Fact]:
    for row in rows:
        if metric_name == TraceMetricKey.TRACE_COUNT:
            value: Any = 1
        elif metric_name == TraceMetricKey.SESSION_COUNT:
            value = row.get("session")
        elif metric_name == TraceMetricKey.LATENCY:
            value = row.get("duration")
        else:
            value = json.loads(row.get("usage") or "{}").get(str(metric_name))
        yield Fact(row["time"], value, tuple(_OF_TRACE[name](row) for name in names))


def _value_of_span(metric_name: str) -> Callable[[Digest], Any]:
    if metric_name == SpanMetricKey.SPAN_COUNT:
        return lambda span: 1
    if metric_name in _COSTS:
        from mlflow.store.tracking.utils.trace_analytics import finite_float_or_none

        name = _COSTS[metric_name]
        return lambda span: finite_float_or_none((span.cost or {}).get(name))
    return lambda span: None if span.end_ns is None else (span.end_ns - span.start_ns) // _NS_IN_MS


def _may_have_spans(head: Head, start_ms: int | None, end_ms: int | None) -> bool:
    """Whether a span of the trace may start in the range."""
    if head.begin is None or head.latest is None:
        return False
    return (end_ms is None or head.begin <= end_ms) and (
        start_ms is None or head.latest >= start_ms
    )


def _filters(
    filters: Sequence[str], view_type: MetricViewType
) -> tuple[list[Clause], dict[str, str]]:
    """What filters require of traces, and of the fields of spans or assessments.

    Raises ``INVALID_PARAMETER_VALUE`` for a filter of another view.
    """
    of_trace: list[Clause] = []
    of_part: dict[str, str] = {}
    for text in filters:
        found = SearchTraceMetricsUtils.parse_search_filter(text)
        if found.view_type == TraceMetricSearchKey.VIEW_TYPE:
            of_trace.append(_of_trace(found.entity, found.key, found.value))
            continue
        views = {
            SpanMetricSearchKey.VIEW_TYPE: (MetricViewType.SPANS, _SPAN_FIELDS),
            AssessmentMetricSearchKey.VIEW_TYPE: (MetricViewType.ASSESSMENTS, _FORM_FIELDS),
        }
        needed, fields = views[found.view_type]
        if view_type != needed:
            raise MlflowException.invalid_parameter_value(
                f"Filtering by {found.view_type} is only supported for {needed} view type, got "
                f"{view_type}"
            )
        name = fields[found.entity]
        if of_part.setdefault(name, found.value) != found.value:
            # Nothing equals two texts.
            of_trace.append(Clause(Field(ATTRIBUTE, "status"), "=", None, lambda _: False))
    return of_trace, of_part


def _of_trace(entity: str, key: str | None, value: str) -> Clause:
    if entity == TraceMetricSearchKey.STATUS:
        return clause(Field(ATTRIBUTE, "status"), "=", value)
    if entity == TraceMetricSearchKey.TAG:
        return tag_clause(str(key), "=", value)
    return metadata_clause(str(key), "=", value)
