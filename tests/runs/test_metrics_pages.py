"""Pages of a metric's history: every point once, and a page's cost does not grow with the rest."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from dynamodbstore_table.port import Item, Table
from mlflow.entities import Metric
from mlflow_dynamodbstore.runs.metrics.metric_history import sample
from mlflow_dynamodbstore.runs.metrics.metric_points import Point
from mlflow_dynamodbstore.runs.metrics.metric_writes import OPEN_CHUNK_POINTS
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.runs.metric_plain import plain_all
from tests.tracking.stores import embedded_store, new_run, refused

POINTS = 20 * OPEN_CHUNK_POINTS
PAGE = 40


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture(scope="module")
def trained(store: DynamoTrackingStore) -> str:
    """A run with many points logged in order, and some in batches and out of order."""
    run_id = new_run(store)
    for n in range(POINTS):
        store.log_metric(run_id, Metric("loss", n / 8, 100 + 10 * (n // 2), n))
    store.log_batch(run_id, [Metric("loss", 0.5, 105 + 50 * n, n) for n in range(9)], [], [])
    store.log_metric(run_id, Metric("loss", 0.25, 99, 7))
    return run_id


def all_pages(store: DynamoTrackingStore, run_id: str, size: int) -> list[list[Any]]:
    pages, token = [], None
    while True:
        page = store.get_metric_history(run_id, "loss", size, token)
        pages.append(plain_all(page))
        token = page.token
        if token is None:
            return pages


class TestPages:
    @pytest.mark.parametrize("size", [1, 7, PAGE, POINTS + 9, POINTS + 10, 25_000])
    def test_pages_are_the_history_in_pieces(
        self, store: DynamoTrackingStore, trained: str, size: int
    ) -> None:
        whole = plain_all(store.get_metric_history(trained, "loss"))

        pages = all_pages(store, trained, size)

        assert len(whole) == POINTS + 10
        assert [point for page in pages for point in page] == whole
        assert all(len(page) == size for page in pages[:-1])

    def test_chunks_that_do_not_ascend_in_time_are_sorted_all_the_same(
        self, store: DynamoTrackingStore
    ) -> None:
        # given steps that go up while the clock goes back
        run_id = new_run(store)
        for n in range(4 * OPEN_CHUNK_POINTS):
            store.log_metric(run_id, Metric("loss", 1.0, 10_000 - n, n))

        pages = all_pages(store, run_id, PAGE)

        assert [t for page in pages for t, _, _ in page] == list(range(9861, 10_001))

    def test_chunks_that_ascend_each_but_not_together_are_sorted_all_the_same(
        self, store: DynamoTrackingStore
    ) -> None:
        # given a clock that is set back whenever a chunk is full
        run_id = new_run(store)
        chunks = 5
        times = [1000 * (chunks - c) + n for c in range(chunks) for n in range(OPEN_CHUNK_POINTS)]
        for step, time in enumerate(times):
            store.log_metric(run_id, Metric("loss", 1.0, time, step))

        pages = all_pages(store, run_id, PAGE)

        assert [t for page in pages for t, _, _ in page] == sorted(times)

    def test_points_logged_between_pages_shift_nothing(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)
        for n in range(3 * OPEN_CHUNK_POINTS):
            store.log_metric(run_id, Metric("loss", 1.0, 10 * n, n))
        first = store.get_metric_history(run_id, "loss", PAGE)

        store.log_metric(run_id, Metric("loss", 1.0, 5, 5))
        second = store.get_metric_history(run_id, "loss", PAGE, first.token)

        assert second[0].step == PAGE

    def test_a_bare_offset_is_a_token(self, store: DynamoTrackingStore, trained: str) -> None:
        whole = plain_all(store.get_metric_history(trained, "loss"))
        token = base64.b64encode(json.dumps({"offset": 50}).encode())

        page = store.get_metric_history(trained, "loss", PAGE, token)

        assert plain_all(page) == whole[50 : 50 + PAGE]

    def test_the_last_page_reads_few_chunks(
        self, store: DynamoTrackingStore, trained: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = None
        for _ in range(POINTS // PAGE):
            token = store.get_metric_history(trained, "loss", PAGE, token).token
        read = counted_items(store._table, monkeypatch)

        store.get_metric_history(trained, "loss", PAGE, token)

        assert len(read) <= 4

    def test_the_first_page_reads_few_chunks(
        self, store: DynamoTrackingStore, trained: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = counted_items(store._table, monkeypatch)

        store.get_metric_history(trained, "loss", PAGE)

        assert len(read) <= 6


@pytest.mark.parametrize("size", [0, -1])
def test_a_page_of_nothing_is_empty_and_leads_nowhere(
    store: DynamoTrackingStore, trained: str, size: int
) -> None:
    page = store.get_metric_history(trained, "loss", size)

    assert (list(page), page.token) == ([], None)


class TestRefusedTokens:
    def test_a_token_of_another_metric_is_refused(
        self, store: DynamoTrackingStore, trained: str
    ) -> None:
        token = store.get_metric_history(trained, "loss", PAGE).token

        with refused("INVALID_PARAMETER_VALUE"):
            store.get_metric_history(trained, "acc", PAGE, token)

    @pytest.mark.parametrize("cursor", [[-1, "A" * 20], [10**9, "A" * 20], [0, "AAAA"], [0, "é"]])
    def test_a_token_with_a_broken_cursor_is_refused(
        self, store: DynamoTrackingStore, trained: str, cursor: list[Any]
    ) -> None:
        token = json.loads(base64.b64decode(store.get_metric_history(trained, "loss", 1).token))
        broken = base64.b64encode(json.dumps({**token, "cursor": cursor}).encode())

        with refused("INVALID_PARAMETER_VALUE"):
            store.get_metric_history(trained, "loss", PAGE, broken)

    @pytest.mark.parametrize("token", ["abc", "e30=", "WzFd", "é"])
    def test_a_malformed_token_is_refused(
        self, store: DynamoTrackingStore, trained: str, token: str
    ) -> None:
        with refused("INVALID_PARAMETER_VALUE"):
            store.get_metric_history(trained, "loss", PAGE, token)


class TestSample:
    POINTS = tuple(Point(step, 0, 0.0, False) for step in range(10))

    def test_a_sample_of_few_points_has_them_all(self) -> None:
        assert sample(self.POINTS, 10) == list(self.POINTS)

    def test_a_sample_has_the_larger_buckets_first_and_the_last_point(self) -> None:
        assert [p.step for p in sample(self.POINTS, 4)] == [0, 3, 6, 9]

    def test_a_sample_of_one_is_the_last_point(self) -> None:
        assert [p.step for p in sample(self.POINTS, 1)] == [9]

    def test_a_sample_of_nothing_is_empty(self) -> None:
        assert sample((), 5) == []


def test_an_interval_needs_both_ends(store: DynamoTrackingStore, trained: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        store.get_metric_history_bulk_interval([trained], "loss", 10, 1, None)


def counted_items(table: Table, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """Collects the items that queries return from now on."""
    read: list[Item] = []
    query = table.query

    def counting(*args: Any, **named: Any) -> Any:
        page = query(*args, **named)
        read.extend(page.items)
        return page

    monkeypatch.setattr(table, "query", counting)
    return read
