"""Searches of traces: none can be kept yet, so none is found.

MLflow's UI searches for traces on the first page of every experiment, and shows errors where the
search is refused.
"""

from __future__ import annotations

from mlflow.entities.trace_metrics import MetricAggregation, MetricDataPoint, MetricViewType
from mlflow.store.entities.paged_list import PagedList


class NoTraces:
    """Finds no traces, whatever the search."""

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
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> PagedList[MetricDataPoint]:
        """What the traces that can't be stored add up to: a count of them all is 0."""
        from mlflow.store.tracking.utils.sql_trace_metrics_utils import (
            validate_query_trace_metrics_params,
        )

        validate_query_trace_metrics_params(view_type, metric_name, aggregations, dimensions)
        grouped = bool(dimensions or time_interval_seconds)
        counts = {str(one): 0 for one in aggregations if str(one) == "COUNT"}
        if grouped or not counts:
            return PagedList([], None)
        return PagedList([MetricDataPoint(metric_name, {}, counts)], None)
