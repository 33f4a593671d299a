"""MLflow's checks of a batch, without its validators where they surely pass.

They would take half the time of a large batch. They judge each name, and their verdict is
remembered; a value of the usual type needs no judge. Whatever holds anything else goes through
them as it is, metrics before params before tags, so that each error is the one that they raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import (
    MAX_PARAM_VAL_LENGTH,
    MAX_TAG_VAL_LENGTH,
    _validate_batch_log_data,
    _validate_batch_log_limits,
    _validate_metric,
    _validate_param,
    _validate_param_keys_unique,
    _validate_tag,
)

from mlflow_dynamodbstore.core.arguments import is_plain, plain_entity
from mlflow_dynamodbstore.core.text_values import required_text_or_none, required_texts
from mlflow_dynamodbstore.core.whole_numbers import LARGEST_INT, SMALLEST_INT
from mlflow_dynamodbstore.runs.metrics.metric_checks import checked_point
from mlflow_dynamodbstore.runs.metrics.metric_points import Point

_NAMES_REMEMBERED: Final = 8192


def checked_batch(
    metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
) -> tuple[list[tuple[Metric, Point]], Sequence[Param], Sequence[RunTag]]:
    """The metrics with their points, and the params and tags as MLflow would keep them (a setting
    lets it cut what is too long).

    Raises ``INVALID_PARAMETER_VALUE`` for what ``log_batch`` of MLflow's SQL store refuses unseen.
    """
    points = _plain_points(metrics)
    if points is None:
        metrics = [plain_entity(metric) for metric in metrics]
    plain_params = _all_plain(params, _param_name_passes, MAX_PARAM_VAL_LENGTH)
    plain_tags = _all_plain(tags, _tag_name_passes, MAX_TAG_VAL_LENGTH)
    judged = (
        metrics if points is None else (),
        () if plain_params else params,
        () if plain_tags else tags,
    )
    try:
        _, checked_params, checked_tags = _validate_batch_log_data(*judged)
    except TypeError:
        _require_text(*judged)
        raise
    params = params if plain_params else checked_params
    tags = tags if plain_tags else checked_tags
    _validate_batch_log_limits(metrics, params, tags)
    _validate_param_keys_unique(params)
    if points is None:
        points = [checked_point(m, f"metrics[{n}]") for n, m in enumerate(metrics)]
    return list(zip(metrics, points, strict=True)), params, tags


def _plain_points(metrics: Any) -> list[Point] | None:
    """The points of metrics with doubles for values, and 64 bits for times and steps; None if one
    is anything else, or has a name that does not pass."""
    if type(metrics) not in (list, tuple):
        return None
    points = []
    for metric in metrics:
        key, value = metric.key, metric.value
        time, step = metric.timestamp, metric.step
        if not (
            type(value) is float
            # Not so for infinities and NaN.
            and value - value == 0.0
            and type(time) is int
            and 0 <= time <= LARGEST_INT
            and type(step) is int
            and SMALLEST_INT <= step <= LARGEST_INT
            and type(key) is str
            and is_plain(metric.model_id)
            and _metric_name_passes(key)
        ):
            return None
        # The store keeps no -0.0.
        points.append(Point(step, time, value + 0.0, False))
    return points


def _require_text(
    metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
) -> None:
    for metric in metrics:
        required_text_or_none(metric.key, "metric name")
    required_texts("param", params)
    required_texts("tag", tags)


def _all_plain(texts: Any, name_passes: Callable[[str], bool], longest: int) -> bool:
    return type(texts) in (list, tuple) and all(
        type(text.value) is str
        and len(text.value) <= longest
        and type(text.key) is str
        and name_passes(text.key)
        for text in texts
    )


@lru_cache(_NAMES_REMEMBERED)
def _metric_name_passes(name: str) -> bool:
    return _passes(lambda: _validate_metric(name, 0.0, 0, 0))


@lru_cache(_NAMES_REMEMBERED)
def _param_name_passes(name: str) -> bool:
    return _passes(lambda: _validate_param(name, ""))


@lru_cache(_NAMES_REMEMBERED)
def _tag_name_passes(name: str) -> bool:
    return _passes(lambda: _validate_tag(name, ""))


def _passes(judged: Callable[[], object]) -> bool:
    try:
        judged()
    except MlflowException:
        return False
    return True
