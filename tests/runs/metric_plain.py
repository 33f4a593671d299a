"""Metrics as plain values, in which NaN equals itself."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mlflow.entities import Metric
from mlflow.entities.metric import MetricWithRunId


def plain(metric: Metric) -> tuple[int, int, str]:
    """Time, step, and the value as text."""
    value = "nan" if math.isnan(metric.value) else repr(float(metric.value))
    return metric.timestamp, metric.step, value


def plain_all(metrics: Iterable[Metric]) -> list[tuple[int, int, str]]:
    """A history."""
    return [plain(metric) for metric in metrics]


def plain_runs(metrics: Iterable[MetricWithRunId], names: dict[str, str]) -> list[tuple[str, str]]:
    """The answer of a bulk call; ``names`` names the runs alike in two stores."""
    return [(names[m.run_id], " ".join(map(str, plain(m)))) for m in metrics]
