"""Aggregating facts of traces into MLflow's data points. Pure.

A fact has a time (ms), a value (None: it is not counted) and dimensions. Percentiles are exact, by
linear interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricDataPoint
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

TIME_BUCKET: Final = "time_bucket"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is measured."""

    time_ms: float
    value: Any
    dimensions: tuple[str | None, ...] = ()


def data_points(
    metric_name: str,
    facts: Iterable[Fact],
    aggregations: Sequence[MetricAggregation],
    dimensions: Sequence[str],
    *,
    bucket_seconds: int | None = None,
    distinct: bool = False,
    most: int = -1,
) -> list[MetricDataPoint]:
    """The facts aggregated by bucket of time and dimensions, in their order; at most ``most``
    points (below 0: all).

    ``distinct`` counts different values. Raises ``BAD_REQUEST`` without aggregations.
    """
    if not aggregations:
        raise MlflowException("aggregations must name at least one aggregation.", BAD_REQUEST)
    groups: dict[tuple[Any, ...], list[Any]] = {}
    grouped = bool(bucket_seconds or dimensions)
    if not grouped:
        groups[()] = []
    for fact in facts:
        if (fact.value is None and not distinct) or None in fact.dimensions:
            continue
        key: tuple[Any, ...] = fact.dimensions
        if bucket_seconds:
            size = bucket_seconds * 1000
            key = (math.floor(fact.time_ms / size) * size, *key)
        groups.setdefault(key, []).append(fact.value)
    names = [TIME_BUCKET] * bool(bucket_seconds) + list(dimensions)
    points = []
    for key in sorted(groups)[: None if most < 0 else most]:
        values = _aggregated(groups[key], aggregations, distinct)
        if values:
            points.append(MetricDataPoint(metric_name, _shown(names, key), values))
    return points


def _shown(names: Sequence[str], key: tuple[Any, ...]) -> dict[str, str]:
    shown = dict(zip(names, key, strict=True))
    if TIME_BUCKET in shown:
        moment = datetime.fromtimestamp(shown[TIME_BUCKET] / 1000, tz=timezone.utc)
        shown[TIME_BUCKET] = moment.isoformat()
    return shown


def _aggregated(
    values: list[Any], aggregations: Sequence[MetricAggregation], distinct: bool
) -> dict[str, Any]:
    if distinct:
        values = list({value for value in values if value is not None})
    found = {str(one): _aggregate(values, one) for one in aggregations}
    return {name: value for name, value in found.items() if value is not None}


def _aggregate(values: list[Any], aggregation: MetricAggregation) -> Any:
    if aggregation.aggregation_type == AggregationType.COUNT:
        return len(values)
    if not values:
        return None
    if aggregation.aggregation_type == AggregationType.PERCENTILE:
        return percentile(values, float(aggregation.percentile_value))
    return _OF_VALUES[aggregation.aggregation_type](values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile (0 to 100) of the values, linear between the two next to it."""
    ordered = sorted(values)
    position = percent / 100 * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    part = position - below
    return float(ordered[below] * (1 - part) + ordered[above] * part)


def _sum(values: Sequence[Any]) -> Any:
    return sum(values) if all(isinstance(value, int) for value in values) else math.fsum(values)


_OF_VALUES: Final[Mapping[AggregationType, Callable[[Sequence[Any]], Any]]] = {
    AggregationType.SUM: _sum,
    AggregationType.AVG: lambda values: math.fsum(values) / len(values),
    AggregationType.MIN: min,
    AggregationType.MAX: max,
}
