"""Many listings are read as one, in every order, from any cursor on, no further than needed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from dynamodbstore_events.keys import parse_newest_first, runs_listing
from dynamodbstore_table.conditions import equals
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put, Table
from dynamodbstore_table.testing.counting import CountingTable, Meter
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow_dynamodbstore.search.listings import (
    Listing,
    TimeOrder,
    TimeRange,
    entries,
    sort_range,
)

from tests.search.items import run_meta

SHARDS = 3
TIMES = (-1, 0, 1, 1, 1, 2, 1000)
EVERY = [(time, f"r{number:02d}") for number, time in enumerate(TIMES * 6)]
LISTINGS = [Listing(runs_listing("1", shard)) for shard in range(SHARDS)]

EVER = TimeRange()
orders = st.builds(TimeOrder, st.booleans(), st.booleans())


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    table = SqliteTable(tmp_path_factory.mktemp("listings") / "table.ddb", durability="process")
    table.create()
    table.bulk(
        Put(run_meta(run_id, time, shard=number % SHARDS))
        for number, (time, run_id) in enumerate(EVERY)
    )
    yield table
    table.close()


def in_order(order: TimeOrder) -> list[tuple[int, str]]:
    by_id = sorted(EVERY, key=lambda entry: entry[1], reverse=not order.ids_ascending)
    return sorted(by_id, key=lambda entry: entry[0], reverse=order.newest_first)


def read(
    table: Table,
    order: TimeOrder,
    times: TimeRange = EVER,
    cursor: tuple[int, str] | None = None,
    page_size: int = 5,
    listings: list[Listing] = LISTINGS,
) -> Iterator[tuple[int, str]]:
    found = entries(
        table, listings, order, times, cursor, page_size=page_size, attributes=("gsi1sk",)
    )
    return (parse_newest_first(item["gsi1sk"]) for item in found)


@settings(deadline=None)
@given(order=orders, page_size=st.integers(1, 60))
def test_all_entries_come_once_and_in_order(table: Table, order: TimeOrder, page_size: int) -> None:
    assert list(read(table, order, page_size=page_size)) == in_order(order)


@settings(deadline=None)
@given(order=orders, at=st.integers(0, len(EVERY) - 1))
def test_a_cursor_goes_on_behind_its_entry(table: Table, order: TimeOrder, at: int) -> None:
    expected = in_order(order)

    assert list(read(table, order, cursor=expected[at])) == expected[at + 1 :]


@settings(deadline=None)
@given(order=orders, time=st.sampled_from(TIMES), name=st.sampled_from(["", "r05x", "zz"]))
def test_a_cursor_stands_for_an_entry_that_has_gone(
    table: Table, order: TimeOrder, time: int, name: str
) -> None:
    with_gone = sorted(
        sorted([*EVERY, (time, name)], key=lambda e: e[1], reverse=not order.ids_ascending),
        key=lambda e: e[0],
        reverse=order.newest_first,
    )

    found = list(read(table, order, cursor=(time, name)))

    assert found == with_gone[with_gone.index((time, name)) + 1 :]


@settings(deadline=None)
@given(
    order=orders,
    earliest=st.integers(-3, 4) | st.just(-(2**63) + 1),
    latest=st.integers(-3, 4) | st.just(2**63 - 1),
)
def test_a_range_of_times_narrows_what_is_read(
    table: Table, order: TimeOrder, earliest: int, latest: int
) -> None:
    expected = [entry for entry in in_order(order) if earliest <= entry[0] <= latest]

    assert list(read(table, order, TimeRange(earliest, latest))) == expected


def test_times_that_exclude_each_other_leave_nothing_to_read() -> None:
    assert sort_range(TimeOrder(), TimeRange(5, 4), None) is None


def test_a_cursor_beyond_the_times_leaves_nothing_to_read() -> None:
    assert sort_range(TimeOrder(), TimeRange(5, 9), (4, "run")) is None


def test_the_filter_is_the_tables(table: Table) -> None:
    filtered = [Listing(listing.pk, equals("start_time", 2)) for listing in LISTINGS]

    found = read(table, TimeOrder(), listings=filtered)

    assert {time for time, _ in found} == {2}


def test_reading_stops_with_the_reader(table: Table) -> None:
    meter = Meter()

    first = list(islice(read(CountingTable(table, meter), TimeOrder(), listings=LISTINGS[:1]), 5))

    assert first == [e for e in in_order(TimeOrder()) if EVERY.index(e) % SHARDS == 0][:5]
    assert meter.take().requests == {"Query": 1}


def test_no_listing_is_no_request(table: Table) -> None:
    meter = Meter()

    assert list(read(CountingTable(table, meter), TimeOrder(), listings=[])) == []
    assert meter.take().total_requests == 0


def test_a_page_is_read_only_when_it_is_needed(table: Table) -> None:
    meter = Meter()
    one_shard = read(CountingTable(table, meter), TimeOrder(), listings=LISTINGS[:1], page_size=5)

    list(islice(one_shard, 6))

    assert meter.take().requests == {"Query": 2}


def test_pages_grow_for_who_reads_on(table: Table) -> None:
    meter = Meter()
    one_shard = read(CountingTable(table, meter), TimeOrder(), listings=LISTINGS[:1], page_size=2)

    assert len(list(one_shard)) == 14

    # Pages of 2, 4 and 8.
    assert meter.take().requests == {"Query": 3}
