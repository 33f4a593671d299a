"""A search finds the same on a DynamoDB server as in an embedded file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable

from tests.search.items import put_run, run_meta
from tests.search.projected import EVERYTHING, configure, inline
from tests.search.test_run_search import Searching

RUNS = 30

FILTERS = (
    "",
    "status = 'FINISHED'",
    "status != 'FINISHED' AND user_id LIKE 'a%'",
    "user_id LIKE '%d%'",
    "user_id ILIKE 'A%'",
    "end_time > 20",
    "end_time != 22 AND end_time <= 30.0",
    "start_time >= 3 AND start_time < 7",
    "run_id IN ('r0003', 'r0001', 'none')",
    "metrics.m > 2.5",
    "metrics.m != 4 AND params.p ILIKE 'X'",
    "params.p IS NULL",
    "tags.`a#b%` = 'y'",
    "tags.`a#b%` IS NULL",
    "tags.`a#b%` != 'z' AND run_name LIKE '%n 1%'",
    "run_name ILIKE 'RUN 2_'",
    "run_name = 'run 13'",
    "datasets.name = 'wine' AND datasets.context = 'eval'",
)
ORDERS = (
    None,
    ["start_time ASC"],
    ["start_time DESC", "run_id DESC"],
    ["metrics.m DESC", "params.p"],
    ["attributes.end_time", "tags.`a#b%` DESC"],
)


def filled(searching: Searching) -> Searching:
    searching.add_experiment("2", run_shards=3)
    for n in range(RUNS):
        meta = run_meta(
            f"r{n:04d}",
            n // 4,
            "12"[n % 2],
            shard=n % 3 if n % 2 else 0,
            user_id=("ada", "Ada", "bob")[n % 3],
            status=("RUNNING", "FINISHED")[n % 2],
            stage="deleted" if n % 11 == 0 else "active",
            **({"end_time": n} if n % 2 else {}),
        )
        put_run(
            searching.table,
            meta,
            params={"p": "xXy"[n % 3]} if n % 3 else {},
            tags={
                "mlflow.runName": f"run {n}",
                **({"a#b%": "y" if n % 5 else "z" * 300} if n % 4 else {}),
            },
            metrics={"m": n % 7 - 1.0} if n % 6 else {},
            datasets={"wine": ("train", "eval")[n % 2]} if n % 4 == 1 else {},
        )
    return searching


@pytest.fixture(params=["items", "projections"])
def on_server(request: pytest.FixtureRequest, dynoxide_endpoint: str) -> Iterator[Searching]:
    """A server's table: without projections, and with all that a search may use."""
    observer = inline() if request.param == "projections" else None
    table = DynamoDBTable(
        f"test-{uuid.uuid4().hex}", endpoint_url=dynoxide_endpoint, observer=observer
    )
    table.create()
    if observer is not None:
        configure(table, ("a#*",))
    searching = filled(Searching(table, metered=False))
    if observer is not None:
        searching.built(*EVERYTHING, "tags:a#*")
    yield searching
    table.close()


@pytest.fixture
def both(sqlite_table: SqliteTable, on_server: Searching) -> tuple[Searching, Searching]:
    return filled(Searching(sqlite_table)), on_server


def test_a_search_finds_the_same_in_pages_of_the_same(
    both: tuple[Searching, Searching],
) -> None:
    for number, filter_string in enumerate(FILTERS):
        order_by = ORDERS[number % len(ORDERS)]
        in_file, on_server = (
            list(searching.pages(filter_string, order_by, ids=["1", "2"], limit=7))
            for searching in both
        )

        assert on_server == in_file, (filter_string, order_by)
        assert in_file != [[]], (filter_string, order_by)
