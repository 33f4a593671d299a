"""Logging metrics, and what the latest value and the history are after it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from mlflow.entities import Metric
from mlflow_dynamodbstore.runs.metrics.metric_writes import OPEN_CHUNK_POINTS
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.runs.metric_plain import plain_all
from tests.tracking.stores import embedded_store, new_run, refused


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def run_id(store: DynamoTrackingStore) -> str:
    return new_run(store)


def log(store: DynamoTrackingStore, run_id: str, *points: tuple[int, int, float]) -> None:
    """Log (step, time, value) one by one."""
    for step, time, value in points:
        store.log_metric(run_id, Metric("loss", value, time, step))


def history(store: DynamoTrackingStore, run_id: str) -> list[tuple[int, int, str]]:
    return plain_all(store.get_metric_history(run_id, "loss"))


def latest(store: DynamoTrackingStore, run_id: str) -> float:
    value: float = store.get_run(run_id).data.metrics["loss"]
    return value


class TestLatest:
    def test_the_largest_step_has_the_latest_value(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        log(store, run_id, (1, 10, 0.1), (3, 5, 0.3), (2, 99, 0.2))

        assert latest(store, run_id) == 0.3

    def test_at_one_step_the_later_time_counts(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        log(store, run_id, (1, 10, 0.9), (1, 11, 0.1), (1, 9, 0.5))

        assert latest(store, run_id) == 0.1

    def test_at_one_step_and_time_the_larger_value_counts(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        log(store, run_id, (1, 10, 0.5), (1, 10, 0.9), (1, 10, 0.1))

        assert latest(store, run_id) == 0.9

    def test_nan_counts_as_zero(self, store: DynamoTrackingStore, run_id: str) -> None:
        log(store, run_id, (1, 10, -1.0), (1, 10, math.nan))
        assert math.isnan(latest(store, run_id))

        log(store, run_id, (1, 10, 0.0))
        assert math.isnan(latest(store, run_id))

        log(store, run_id, (1, 10, 1.0))
        assert latest(store, run_id) == 1.0

    def test_an_infinity_is_the_largest_double(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        log(store, run_id, (1, 10, math.inf), (2, 10, -math.inf))

        assert latest(store, run_id) == -1.7976931348623157e308

    def test_negative_steps_are_before_zero(self, store: DynamoTrackingStore, run_id: str) -> None:
        log(store, run_id, (-7, 10, 7.0), (-9, 10, 9.0))

        assert latest(store, run_id) == 7.0
        assert store.get_max_step_for_metric(run_id, "loss") == -7


class TestHistory:
    def test_an_exact_repeat_counts_once(self, store: DynamoTrackingStore, run_id: str) -> None:
        log(store, run_id, (1, 10, 0.5), (1, 10, 0.5), (2, 20, math.nan), (2, 20, math.nan))

        assert history(store, run_id) == [(10, 1, "0.5"), (20, 2, "nan")]

    def test_points_out_of_order_are_sorted_in(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        log(store, run_id, (5, 50, 0.5), (1, 10, 0.1), (3, 30, 0.3), (3, 30, 0.3))

        assert history(store, run_id) == [(10, 1, "0.1"), (30, 3, "0.3"), (50, 5, "0.5")]

    def test_nothing_is_lost_over_many_chunks(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        count = 5 * OPEN_CHUNK_POINTS + 3

        log(store, run_id, *((n, 10 * n, n / 4) for n in range(count)))

        assert history(store, run_id) == [(10 * n, n, repr(n / 4)) for n in range(count)]
        assert latest(store, run_id) == (count - 1) / 4

    def test_repeats_of_sealed_points_count_once(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        points = [(n, 10 * n, float(n)) for n in range(2 * OPEN_CHUNK_POINTS)]
        log(store, run_id, *points)

        log(store, run_id, *points)

        assert len(history(store, run_id)) == len(points)

    def test_a_key_of_250_characters_of_four_bytes_has_a_history(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        key = "𝐱" * 250
        for n in range(OPEN_CHUNK_POINTS + 2):
            store.log_metric(run_id, Metric(key, float(n), n, n))
        store.log_metric(run_id, Metric(key, 0.5, 0, 0))

        assert len(store.get_metric_history(run_id, key)) == OPEN_CHUNK_POINTS + 3
        assert store.get_run(run_id).data.metrics == {key: float(OPEN_CHUNK_POINTS + 1)}

    def test_keys_that_begin_alike_have_histories_of_their_own(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        for n in range(OPEN_CHUNK_POINTS + 1):
            store.log_metric(run_id, Metric("loss/a", float(n), n, n))
        log(store, run_id, (5, 5, 5.0), (1, 1, 1.0))

        assert history(store, run_id) == [(1, 1, "1.0"), (5, 5, "5.0")]

    def test_an_unknown_run_has_no_history(self, store: DynamoTrackingStore) -> None:
        assert history(store, "unknown") == []
        assert store.get_max_step_for_metric("unknown", "loss") == 0

    def test_no_key_has_no_history(self, store: DynamoTrackingStore, run_id: str) -> None:
        assert store.get_metric_history(run_id, None) == []
        assert store.get_metric_history(run_id, None, 5) == []
        assert store.get_metric_history_bulk([run_id, "unknown"], None, 5) == []


class TestRefused:
    @pytest.mark.parametrize(
        "metric",
        [
            Metric("loss", 1.0, 10, 1.5),
            Metric("loss", 1.0, 10, math.nan),
            Metric("loss", 1.0, 10, 2**63),
            Metric("loss", 1.0, 10, -(2**63) - 1),
            Metric("loss", 1.0, 10, "1"),
            Metric("loss", 1.0, 10.5, 1),
            Metric("loss", 1.0, 2**63, 1),
            Metric("loss", 1.0, -1, 1),
            Metric("loss", 10**400, 10, 1),
            Metric("loss", 1j, 10, 1),
            Metric("loss", True, 10, 1),
            Metric("loss", "1", 10, 1),
            Metric("loss", None, 10, 1),
            Metric("a//b", 1.0, 10, 1),
            Metric("k" * 251, 1.0, 10, 1),
            Metric(None, 1.0, 10, 1),
        ],
        ids=repr,
    )
    def test_log_metric_refuses_what_is_no_metric(
        self, store: DynamoTrackingStore, run_id: str, metric: Metric
    ) -> None:
        with refused("INVALID_PARAMETER_VALUE"):
            store.log_metric(run_id, metric)

        assert store.get_run(run_id).data.metrics == {}

    def test_log_metric_raises_for_an_unknown_run(self, store: DynamoTrackingStore) -> None:
        with refused("RESOURCE_DOES_NOT_EXIST"):
            log(store, "unknown", (1, 10, 0.5))

    def test_log_metric_raises_for_a_deleted_run(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.delete_run(run_id)

        with refused("INVALID_PARAMETER_VALUE"):
            log(store, run_id, (1, 10, 0.5))

    @pytest.mark.parametrize("step", [2.0, True])
    def test_whole_numbers_of_other_types_become_steps(
        self, store: DynamoTrackingStore, run_id: str, step: Any
    ) -> None:
        store.log_metric(run_id, Metric("loss", 1.0, 10.0, step))

        (found,) = store.get_metric_history(run_id, "loss")
        assert (found.step, found.timestamp) == (int(step), 10)
        assert type(found.step) is int
