"""The checks of a batch: the same verdict as MLflow's validators, whatever is logged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils import validation
from mlflow_dynamodbstore.runs import batch_checks
from mlflow_dynamodbstore.runs.batch_checks import checked_batch
from mlflow_dynamodbstore.runs.metrics.metric_checks import checked_point

NAMES = st.sampled_from(
    ("loss", "a/b", "a b.c:d-e", "n" * 250, "n" * 251, "../up", "a//b", "", ".", "#", "é", None, 7)
)
NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(2**70), 2**70),
    st.sampled_from((True, None, "1", 10**400, np.float32(0.5), np.float64(0.5), np.int64(3))),
)
TEXTS = st.sampled_from(("", "x", "v" * 6000, "v" * 6001, "v" * 8001, None, "é\ud800"))
METRICS = st.lists(st.builds(Metric, NAMES, NUMBERS, NUMBERS, NUMBERS), max_size=3)
USUAL = st.builds(
    Metric, st.just("loss"), st.floats(), st.integers(0, 2**63 - 1), st.integers(-9, 2**63 - 1)
)
PARAMS = st.lists(st.builds(Param, NAMES, TEXTS), max_size=3)
TAGS = st.lists(st.builds(RunTag, NAMES, TEXTS), max_size=3)


def by_validators(metrics: Any, params: Any, tags: Any) -> Any:
    """What the batch comes to if everything goes through MLflow's validators."""
    metrics, params, tags = validation._validate_batch_log_data(metrics, params, tags)
    validation._validate_batch_log_limits(metrics, params, tags)
    validation._validate_param_keys_unique(params)
    points = [checked_point(m, f"metrics[{n}]") for n, m in enumerate(metrics)]
    return points, [(p.key, p.value) for p in params], [(t.key, t.value) for t in tags]


def by_us(metrics: Any, params: Any, tags: Any) -> Any:
    logged, params, tags = checked_batch(metrics, params, tags)
    assert [m for m, _ in logged] == list(metrics)
    points = [point for _, point in logged]
    return points, [(p.key, p.value) for p in params], [(t.key, t.value) for t in tags]


def outcome(checked: Any, *batch: Any) -> Any:
    try:
        return checked(*batch)
    except MlflowException as error:
        return error.error_code, error.message
    except TypeError:
        # Of MLflow's validators, for what is no text.
        return "INVALID_PARAMETER_VALUE", None


@given(metrics=st.one_of(METRICS, st.lists(USUAL, max_size=4)), params=PARAMS, tags=TAGS)
def test_a_batch_comes_to_what_the_validators_make_of_it(
    metrics: list[Metric], params: list[Param], tags: list[RunTag]
) -> None:
    ours = outcome(by_us, metrics, params, tags)
    theirs = outcome(by_validators, metrics, params, tags)

    assert ours == theirs or (theirs[1] is None and ours[0] == theirs[0])


@pytest.mark.parametrize("value", [-0.0, math.nan, math.inf, -math.inf, 1.5, 3, np.float64(2)])
def test_a_point_has_the_number_and_the_sign_that_are_kept(value: Any) -> None:
    (point,), _, _ = by_us([Metric("m", value, 1, 2)], [], [])

    (kept,), _, _ = by_validators([Metric("m", value, 1, 2)], [], [])
    assert repr(point) == repr(kept)


def test_the_validators_are_not_asked_again_of_what_they_have_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = [Metric("seen", 0.5, 1, 2)], [Param("seen", "1")], [RunTag("seen", "1")]
    checked_batch(*batch)
    called: list[str] = []
    for name in ("_validate_metric", "_validate_param", "_validate_tag"):
        monkeypatch.setattr(batch_checks, name, lambda *_, name=name: called.append(name))
        monkeypatch.setattr(validation, name, lambda *_, name=name, **__: called.append(name))

    checked_batch(*batch)

    assert called == []
