"""The calls of one trace end equal, in whatever order and by however many processes they come."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dynamodbstore_table.embedded.table import SqliteTable
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.entities import TraceState
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.traces.made import NOW_MS, new_span, new_trace_id, new_trace_info
from tests.tracking.stores import embedded_store, store_on

USAGE, COST = "mlflow.chat.tokenUsage", "mlflow.llm.cost"


def calls(trace_id: str) -> list[Callable[[DynamoTrackingStore], Any]]:
    """What the exporter of one trace sends, cut as it may be."""
    usage = {USAGE: {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}
    cost = {COST: {"input_cost": 0.5, "output_cost": 0.25, "total_cost": 0.75}}
    root = new_span(trace_id, 1, start_ms=NOW_MS - 9, inputs="q", outputs="a", attributes=usage)
    open_root = new_span(trace_id, 1, start_ms=NOW_MS - 9, end_ms=None)
    middle = new_span(trace_id, 2, 1, status="ERROR")
    leaf = new_span(trace_id, 3, 2, end_ms=NOW_MS + 50, attributes={**usage, **cost})
    info = new_trace_info(
        trace_id,
        duration_ms=33,
        state=TraceState.ERROR,
        tags={"mlflow.traceName": "n", "t": "1"},
        metadata={"mlflow.trace.session": "s", "mlflow.trace.tokenUsage": '{"total_tokens": 9}'},
        request="given",
    )
    return [
        lambda store: store.log_spans("0", [open_root]),
        lambda store: store.log_spans("0", [leaf]),
        lambda store: store.log_spans("0", [middle, root]),
        lambda store: store.start_trace(info),
        lambda store: store.log_spans("0", [root, leaf]),
    ]


def state_of(store: DynamoTrackingStore, trace_id: str) -> dict[str, Any]:
    whole: dict[str, Any] = store.get_trace(trace_id, allow_partial=True).to_dict()
    return whole


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(5)), repeated=st.lists(st.integers(0, 4), max_size=3))
def test_every_order_of_a_traces_calls_ends_equal(order: list[int], repeated: list[int]) -> None:
    trace_id = "tr-" + "0f" * 16
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as two,
        embedded_store(Path(one)) as plain,
        embedded_store(Path(two)) as shuffled,
    ):
        for call in calls(trace_id):
            call(plain)
        # Another process has written in between: what this one remembers is of no use.
        stores = itertools.cycle((shuffled, store_on(shuffled._table, Path(two))))
        for n in (*order, *repeated):
            calls(trace_id)[n](next(stores))

        expected, found = state_of(plain, trace_id), state_of(shuffled, trace_id)

    location = "mlflow.artifactLocation"
    expected["info"]["tags"].pop(location)
    found["info"]["tags"].pop(location)
    assert found == expected


def test_calls_of_a_trace_from_many_threads_end_equal(tmp_path: Path) -> None:
    with embedded_store(tmp_path) as store:
        expected = new_trace_id()
        for call in calls(expected):
            call(store)
        for _ in range(15):
            trace_id = new_trace_id()
            tables = [SqliteTable(tmp_path / "store.ddb", durability="process") for _ in range(2)]
            stores = [DynamoTrackingStore(table, tmp_path.as_uri()) for table in tables]
            with ThreadPoolExecutor(5) as pool:
                list(pool.map(lambda n: calls(trace_id)[n](stores[n % 2]), range(5)))  # noqa: B023
            found, wanted = state_of(store, trace_id), state_of(store, expected)
            assert _plain(found) == _plain(wanted)
            for table in tables:
                table.close()


def _plain(trace: dict[str, Any]) -> dict[str, Any]:
    info = {**trace["info"], "trace_id": None}
    info["tags"] = {k: v for k, v in info["tags"].items() if k != "mlflow.artifactLocation"}
    return {"info": info, "spans": [span["name"] for span in trace["data"]["spans"]]}
