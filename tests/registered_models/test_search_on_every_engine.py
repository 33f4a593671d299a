"""A search of the registry finds the same on a DynamoDB server as in an embedded file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable

from tests.registered_models.search_items import PROMPT, Searching, version
from tests.search.projected import NAMES, inline

LONG = "x" * 9_000
IS_PROMPT = "tags.`mlflow.prompt.is_prompt`"

OF_MODELS = (
    None,
    f"{IS_PROMPT} = 'true'",
    f"{IS_PROMPT} != 'false'",
    "name = 'forest-3'",
    "name IN ('forest-3', 'boosted-4', 'none')",
    "name LIKE 'forest-1%'",
    "name LIKE '%rest-1%' AND name != 'forest-1'",
    "name ILIKE 'BOOST%'",
    "tags.`a#b%` = 'y'",
    "tags.`a#b%` = ''",
    f"tags.`a#b%` = '{LONG}'",
    "tags.`a#b%` != 'y' AND tags.team LIKE 'team%'",
    "tags.team = 'team 1' AND name LIKE '%-1_'",
)
OF_VERSIONS = (
    None,
    f"{IS_PROMPT} = 'true'",
    "name = 'forest-3' AND version_number > 1",
    "name LIKE 'boosted%'",
    "name LIKE '%rest-1%'",
    "run_id = 'r#1'",
    "run_id IN ('r#1', 'r2')",
    "run_id LIKE 'r%' AND source_path LIKE '%bucket%'",
    "version_number != 1",
    f"tags.note = '{LONG}'",
    "tags.note LIKE 's%'",
)
ORDERS = (None, ["name DESC"], ["last_updated_timestamp ASC"], ["last_updated_timestamp", "name"])


def filled(search: Searching) -> Searching:
    for n in range(24):
        kind = "forest" if n % 2 else "boosted"
        search.add(
            f"{kind}-{n}",
            updated=100 + n // 3,
            renamed=110 + n if n % 5 == 0 else None,
            tags={"a#b%": ("y", "", LONG)[n % 3], "team": f"team {n % 4}"} if n % 6 else {},
            versions=[
                version(
                    updated=108 + (n + k) % 9,
                    run_id=("r#1", "r2", None)[(n + k) % 3],
                    tags={"note": ("short", LONG)[k % 2]},
                )
                for k in range(n % 4)
            ],
        )
    for n in range(3):
        search.add(f"prompt-{n}", tags=PROMPT, versions=[version(tags=PROMPT)] * n)
    search.add("#n" * 600, versions=[version()])
    search.add("#n" * 590, versions=[version()])
    return search


@pytest.fixture(params=["items", "projections"])
def on_server(request: pytest.FixtureRequest, dynoxide_endpoint: str) -> Iterator[Searching]:
    """A server's table: without projections, and with postings that searches may rely on."""
    observer = inline() if request.param == "projections" else None
    table = DynamoDBTable(
        f"test-{uuid.uuid4().hex}", endpoint_url=dynoxide_endpoint, observer=observer
    )
    table.create()
    search = filled(Searching(table, metered=False))
    if observer is not None:
        search.built(NAMES)
    yield search
    table.close()


@pytest.fixture
def in_file(sqlite_table: SqliteTable) -> Searching:
    return filled(Searching(sqlite_table))


def test_models_are_the_same(in_file: Searching, on_server: Searching) -> None:
    for number, filter_string in enumerate(OF_MODELS):
        order = ORDERS[number % 3]
        found = in_file.names(filter_string, order_by=order, limit=4)

        assert on_server.names(filter_string, order_by=order, limit=4) == found, filter_string
        assert found, filter_string


def test_versions_are_the_same(in_file: Searching, on_server: Searching) -> None:
    for number, filter_string in enumerate(OF_VERSIONS):
        order = ORDERS[number % 4]
        found = in_file.numbers(filter_string, order_by=order, limit=5)

        assert on_server.numbers(filter_string, order_by=order, limit=5) == found, filter_string
        assert found, filter_string
