"""The comparison itself: it lets the same pass, and no difference but those that are meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList

from .frozen import World
from .pair import Pair
from .sides import OurSide, SqlSide, embedded_stores


@pytest.fixture
def pair(world: World, theirs: SqlSide, tmp_path: Path) -> Iterator[Pair]:
    ours = OurSide(embedded_stores(tmp_path, projected=True))
    pair = Pair(theirs, ours, world, report=lambda line: None)
    pair.empty()
    yield pair
    ours.close()


def ours_answers(pair: Pair, method: str, answer: Any) -> Any:
    """Let our store answer (or raise) this, whatever the call."""
    how = {"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}
    return mock.patch.object(pair.ours.store, method, **how)


def test_both_stores_are_given_the_same_times_ids_and_names(pair: Pair) -> None:
    experiment = pair.call("create_experiment", "trees")
    run = pair.call("create_run", experiment, "ada", 1, [], None)
    model = pair.call("create_logged_model", experiment)

    pair.call("get_run", run.info.run_id)
    pair.call("get_logged_model", model.model_id)
    assert not pair.disagreed


def test_another_answer_is_found(pair: Pair) -> None:
    run_id = pair.call("create_run", "0", "ada", 1, [], None).info.run_id

    with (
        ours_answers(pair, "get_max_step_for_metric", 7),
        pytest.raises(AssertionError, match="get_max_step_for_metric"),
    ):
        pair.call("get_max_step_for_metric", run_id, "loss")


def test_another_order_is_found(pair: Pair) -> None:
    pair.call("create_experiment", "trees")
    turned = PagedList(list(reversed(pair.ours.store.search_experiments())), None)

    with ours_answers(pair, "search_experiments", turned), pytest.raises(AssertionError):
        pair.call("search_experiments")


def test_a_page_that_ends_too_early_is_found(pair: Pair) -> None:
    pair.call("create_experiment", "trees")
    first = PagedList(pair.ours.store.search_experiments(max_results=1), None)

    with ours_answers(pair, "search_experiments", first), pytest.raises(AssertionError):
        pair.call_pages("search_experiments", max_results=1)


@pytest.mark.parametrize(
    ("logged", "read"), [(0.0, -0.0), (float("nan"), 0.0), (float("inf"), float("inf"))]
)
def test_another_number_is_found(pair: Pair, logged: float, read: float) -> None:
    run_id = pair.call("create_run", "0", "ada", 1, [], None).info.run_id
    pair.call("log_metric", run_id, Metric("loss", logged, 1, 1))
    history = PagedList([Metric("loss", read, 1, 1)], None)

    pair.call("get_metric_history", run_id, "loss")
    with ours_answers(pair, "get_metric_history", history), pytest.raises(AssertionError):
        pair.call("get_metric_history", run_id, "loss")


def test_an_answer_in_the_place_of_an_error_is_found(pair: Pair) -> None:
    with ours_answers(pair, "delete_run", None), pytest.raises(AssertionError):
        pair.call("delete_run", "nowhere")


@pytest.mark.parametrize(
    "error",
    [
        MlflowException("Run with id=nowhere not found", INTERNAL_ERROR),
        MlflowException("There is no run", RESOURCE_DOES_NOT_EXIST),
        KeyError("nowhere"),
    ],
)
def test_another_error_is_found(pair: Pair, error: Exception) -> None:
    with ours_answers(pair, "delete_run", error), pytest.raises(AssertionError):
        pair.call("delete_run", "nowhere")


def test_an_error_that_says_more_is_the_same(pair: Pair) -> None:
    error = MlflowException("Run with id=nowhere not found. Look.", RESOURCE_DOES_NOT_EXIST)

    with ours_answers(pair, "delete_run", error):
        pair.call("delete_run", "nowhere")

    assert pair.failed_with == "RESOURCE_DOES_NOT_EXIST"
