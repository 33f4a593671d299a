"""The live table as a source of keys: in parts, in small pages, resumed behind any of them."""

from __future__ import annotations

import pytest
from dynamodbstore_events.keys import Key
from dynamodbstore_projections.drivers import sources as replay_sources
from dynamodbstore_projections.drivers.sources import Position, TableScan
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table

from tests.projections.replays import fill

KEYS = {(f"RUN#{run}", f"TAG#{tag}") for run in range(5) for tag in range(5)}


@pytest.fixture(params=["sqlite", "dynoxide"])
def table(request: pytest.FixtureRequest) -> Table:
    found: SqliteTable | DynamoDBTable = request.getfixturevalue(f"{request.param}_table")
    fill(found, ({"PK": pk, "SK": sk} for pk, sk in KEYS))
    return found


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_sources, "_MOST_KEYS", 4)


def keys_of(scan: TableScan, part: str, start: Position | None = None) -> list[Key]:
    return [key for page in scan.pages(part, start) for key in page.keys]


def test_parts_have_every_key_once(table: Table) -> None:
    scan = TableScan(table, 3)

    found = [key for part in scan.parts for key in keys_of(scan, part)]

    assert len(found) == len(KEYS)
    assert set(found) == KEYS


def test_a_partition_is_wholly_in_one_part(table: Table) -> None:
    scan = TableScan(table, 3)

    runs = [{pk for pk, _ in keys_of(scan, part)} for part in scan.parts]

    assert sum(map(len, runs)) == 5


def test_a_part_goes_on_behind_any_of_its_pages(table: Table) -> None:
    scan = TableScan(table, 2)

    for part in scan.parts:
        pages = list(scan.pages(part, None))
        whole = [key for page in pages for key in page.keys]
        read = 0
        for page in pages:
            read += len(page.keys)
            rest = [] if page.next is None else keys_of(scan, part, page.next)
            assert rest == whole[read:]
        assert all(len(page.keys) <= 4 for page in pages)


def test_an_empty_table_has_one_empty_page_a_part(sqlite_table: SqliteTable) -> None:
    assert [page.keys for page in TableScan(sqlite_table).pages("0", None)] == [[]]
