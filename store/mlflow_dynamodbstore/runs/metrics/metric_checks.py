"""From MLflow's ``Metric`` to the point that is kept, or MLflow's error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dynamodbstore_events.metric_values import stored
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import append_to_json_path

from mlflow_dynamodbstore.core.whole_numbers import LARGEST_INT, SMALLEST_INT, whole_number
from mlflow_dynamodbstore.runs.metrics.history_expiry import KEPT_FOR_EVER, HistoryEnds
from mlflow_dynamodbstore.runs.metrics.metric_points import Point
from mlflow_dynamodbstore.runs.metrics.metric_writes import MetricPoints


def checked_point(metric: Metric, path: str = "") -> Point:
    """The point of a metric that MLflow's own validator has passed.

    Raises ``INVALID_PARAMETER_VALUE`` for a value that is no double, and for a step or time (ms)
    that is no whole number of 64 bits.
    """
    try:
        number, nan = stored(metric.value)
    except (TypeError, ValueError, OverflowError):
        raise MlflowException.invalid_parameter_value(
            f"Invalid value {_shown(metric.value)} for parameter "
            f"'{append_to_json_path(path, 'value')}' supplied: (timestamp={metric.timestamp}). "
            "Please specify value as a valid double (64-bit floating point)"
        ) from None
    step, time = metric.step, metric.timestamp
    if type(step) is not int or not SMALLEST_INT <= step <= LARGEST_INT:
        step = _whole(step, metric, path, "step", "Step must be a valid long (64-bit integer).")
    if type(time) is not int or time > LARGEST_INT:
        rule = "Timestamp must be a nonnegative long (64-bit integer) "
        time = _whole(time, metric, path, "timestamp", rule)
    return Point(step, time, number, nan)


def metric_points(
    run_id: str,
    metrics: Iterable[tuple[Metric, Point]],
    places: Iterator[int],
    ends: HistoryEnds = KEPT_FOR_EVER,
) -> list[MetricPoints]:
    """The metrics of a batch by key, each with its distinct points and a place."""
    by_key: dict[str, dict[Point, None]] = {}
    for metric, point in metrics:
        by_key.setdefault(metric.key, {})[point] = None
    return [
        MetricPoints(run_id, key, tuple(points), next(places), ends)
        for key, points in by_key.items()
    ]


def _whole(number: Any, metric: Metric, path: str, name: str, rule: str) -> int:
    whole = whole_number(number)
    if whole is None:
        raise MlflowException.invalid_parameter_value(
            f"Invalid value {_shown(number)} for parameter '{append_to_json_path(path, name)}' "
            f"supplied: metric '{metric.key}' (value={_shown(metric.value)}). {rule}"
        )
    return whole


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "of over 30 digits"
    return text if len(text) <= 100 else f"{text[:100]}..."
