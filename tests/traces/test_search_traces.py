"""What ``search_traces`` reads, and how its pages go on."""

from __future__ import annotations

import pytest
from mlflow_dynamodbstore.search.plan import Bounds
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore
from mlflow_dynamodbstore.traces import search

from tests.traces.made import NOW_MS, new_span, new_trace_id, new_trace_info
from tests.tracking.stores import new_run


def made(store: DynamoTrackingStore, count: int, word: str = "plain") -> list[str]:
    """Traces of this many moments, the newest first."""
    ids = [new_trace_id() for _ in range(count)]
    for n, trace_id in enumerate(ids):
        store.log_spans("0", [new_span(trace_id, start_ms=NOW_MS - n, end_ms=NOW_MS, inputs=word)])
    return ids


def found(store: DynamoTrackingStore, text: str | None, most: int = 100) -> list[list[str]]:
    """The pages of a search."""
    pages, token = [], None
    while True:
        page, token = store.search_traces(
            locations=["0"], filter_string=text, max_results=most, page_token=token
        )
        pages.append([info.trace_id for info in page])
        if not token:
            return pages


def test_search_traces_pages_by_cursor(store: DynamoTrackingStore) -> None:
    ids = made(store, 7)

    assert found(store, None, 3) == [ids[:3], ids[3:6], ids[6:]]


def test_search_that_opens_bodies_ends_a_page_short_and_goes_on(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_BOUNDS", Bounds(candidates=4, seconds=60.0))
    newer = made(store, 10)
    (wanted,) = made(store, 1, "needle")

    pages = found(store, "trace.text LIKE '%needle%'")

    assert [trace_id for page in pages for trace_id in page] == [wanted]
    assert 1 < len(pages) <= 4
    assert wanted not in newer


def test_search_by_run_finds_what_was_linked_just_now(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    (linked,) = made(store, 1)
    within = new_trace_id()
    store.link_traces_to_run([linked], run_id)
    store.start_trace(new_trace_info(within, metadata={"mlflow.sourceRun": run_id}))

    (page,) = found(store, f"run_id = '{run_id}'")

    assert sorted(page) == sorted([linked, within])


def test_search_of_deleted_traces_finds_none(store: DynamoTrackingStore) -> None:
    ids = made(store, 3)
    store.delete_traces("0", trace_ids=ids[:2])

    assert found(store, None) == [ids[2:]]


def test_search_by_span_opens_no_spans(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = made(store, 3)
    monkeypatch.setattr(store._table, "partitions", None)

    assert found(store, "span.name = 'step' AND span.status = 'OK'") == [ids]
    assert found(store, "span.name = 'step' AND span.status = 'ERROR'") == [[]]
