"""Metrics of runs: log a value, read histories."""

from __future__ import annotations

from collections.abc import Iterable

from dynamodbstore_table.port import Table
from mlflow.entities import Metric
from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils.validation import _validate_metric

from mlflow_dynamodbstore.core.gc_pause import collector_paused
from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.text_values import required_text_or_none
from mlflow_dynamodbstore.logged_models.model_metrics import ModelMetrics, model_metric_ops
from mlflow_dynamodbstore.runs.batch_writes import Batch, write_batch, write_metric
from mlflow_dynamodbstore.runs.metrics.history_expiry import HistoryEnds
from mlflow_dynamodbstore.runs.metrics.metric_checks import checked_point
from mlflow_dynamodbstore.runs.metrics.metric_history import MetricHistory, Steps, sample
from mlflow_dynamodbstore.runs.metrics.metric_pages import history_page
from mlflow_dynamodbstore.runs.metrics.metric_points import Point, in_time
from mlflow_dynamodbstore.runs.metrics.metric_writes import MetricPoints
from mlflow_dynamodbstore.search.tokens import Tokens, fingerprint

_WHOLE_HISTORY = 10_000


class Metrics:
    """Log a run's metrics one by one, and read their histories."""

    serves = ("get_metric_history_bulk", "get_max_step_for_metric")

    def __init__(
        self,
        table: Table,
        lookup: Lookup,
        model_metrics: ModelMetrics,
        history_ends: HistoryEnds,
        places: Places,
    ) -> None:
        self._table = table
        self._places = places
        self._runs = lookup.runs
        self._model_metrics = model_metrics
        self._history = MetricHistory(table)
        self._history_ends = history_ends

    def log_metric(self, run_id: str, metric: Metric) -> None:
        """Log a value of an active run at a step and a time (ms); an exact repeat changes nothing.

        A metric with a ``model_id`` is also the logged model's. Raises
        ``INVALID_PARAMETER_VALUE`` for what is not a metric and for a deleted run, ``BAD_REQUEST``
        if there is no such model or it has another value at that place.
        """
        if metric.model_id is not None:
            # MLflow looks at the run before the metric here, and after it everywhere else.
            self._runs.require_active(run_id)
        required_text_or_none(metric.key, "metric name")
        _validate_metric(metric.key, metric.value, metric.timestamp, metric.step)
        point = checked_point(metric)
        self._runs.require_active(run_id)
        place = self._places.next()
        points = MetricPoints(run_id, metric.key, (point,), place, self._history_ends)
        if metric.model_id is None:
            write_metric(self._table, points)
            return
        self._model_metrics.require([metric.model_id])
        markers = self._model_metrics.markers(run_id, [metric.model_id])
        ops = model_metric_ops(run_id, [(metric, point)], self._places)
        write_batch(
            self._table, Batch(run_id, markers=markers, model_metrics=ops, metrics=[points])
        )
        self._model_metrics.marked(run_id, markers)

    def get_metric_history(
        self,
        run_id: str,
        metric_key: str,
        max_results: int | None = None,
        page_token: str | bytes | None = None,
    ) -> PagedList[Metric]:
        """The values of a metric by time, step, value; none for an unknown run.

        Raises ``INVALID_PARAMETER_VALUE`` for a bad token.
        """
        tokens = Tokens(fingerprint("metric history", run_id, metric_key), (int, str))
        start = tokens.decode(page_token)
        if max_results is None:
            with collector_paused(_WHOLE_HISTORY):
                points = sorted(self._history_of(run_id, metric_key), key=in_time)
                return PagedList(_metrics(metric_key, points[start.offset :]), None)
        if max_results < 1 or not self._runs.owned([run_id]):
            return PagedList([], None)
        page, following = history_page(self._table, run_id, metric_key, start, max_results)
        token = None if following is None else tokens.encode(following)
        return PagedList(_metrics(metric_key, page), token)

    def get_metric_history_bulk(
        self, run_ids: Iterable[str], metric_key: str, max_results: int | None
    ) -> list[MetricWithRunId]:
        """The first ``max_results`` values of the runs, by run id, then time, step, value."""
        most = None if max_results is None or max_results < 0 else max_results
        found = self._history.first_of_runs(self._runs.owned(run_ids), metric_key, most)
        return [_with_run(run_id, metric_key, point) for run_id, point in found]

    def get_metric_history_bulk_interval(
        self,
        run_ids: Iterable[str],
        metric_key: str,
        max_results: int,
        start_step: int | None,
        end_step: int | None,
    ) -> list[MetricWithRunId]:
        """An even sample of at most ``max_results`` values a run, by step, time, value.

        ``start_step`` and ``end_step`` (both included, or both None) bound the steps.
        """
        if (start_step is None) != (end_step is None):
            raise MlflowException.invalid_parameter_value(
                f"start_step is {start_step} and end_step is {end_step}: give both or neither."
            )
        steps = None if start_step is None or end_step is None else (start_step, end_step)
        run_ids = self._runs.owned(run_ids)
        histories = self._history.of_runs(run_ids, metric_key, steps)
        return [
            _with_run(run_id, metric_key, point)
            for run_id in run_ids
            for point in sample(histories[run_id], max(1, max_results))
        ]

    def get_metric_history_bulk_interval_from_steps(
        self, run_id: str, metric_key: str, steps: Iterable[int], max_results: int
    ) -> list[MetricWithRunId]:
        """The first ``max_results`` values of those steps, by step, time, value."""
        wanted = set(steps)
        if not wanted:
            return []
        points = self._history_of(run_id, metric_key, (min(wanted), max(wanted)))
        found = [point for point in points if point.step in wanted]
        most = None if max_results < 0 else max_results
        return [_with_run(run_id, metric_key, point) for point in found[:most]]

    def get_max_step_for_metric(self, run_id: str, metric_key: str) -> int:
        """The largest step that the metric has; 0 without any."""
        owned = self._runs.owned([run_id])
        return (self._history.max_step(run_id, metric_key) or 0) if owned else 0

    def _history_of(self, run_id: str, key: str, steps: Steps | None = None) -> list[Point]:
        return self._history.of_run(run_id, key, steps) if self._runs.owned([run_id]) else []


def _metrics(key: str, points: Iterable[Point]) -> list[Metric]:
    return [_metric(key, point) for point in points]


def _metric(key: str, point: Point) -> Metric:
    return Metric(key, float("nan") if point.nan else point.value, point.time, point.step)


def _with_run(run_id: str, key: str, point: Point) -> MetricWithRunId:
    return MetricWithRunId(run_id=run_id, metric=_metric(key, point))
