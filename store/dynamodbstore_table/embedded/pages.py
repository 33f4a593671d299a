"""Pages of listings of the embedded file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.embedded.codec import (
    decode_joined,
    decode_rows,
    pick,
    reading_stored,
    stored_bytes,
)
from dynamodbstore_table.embedded.prefilter import Prefilter, prefilter
from dynamodbstore_table.embedded.query import Statement, joined, listing
from dynamodbstore_table.port import MAX_PAGE_BYTES, Index, Item, Page, SortRange, Start

_GSI2_ATTRIBUTES: Final = ("PK", "SK", "gsi2pk", "gsi2sk")
FIRST_ROWS: Final = 64
_MOST_ROWS: Final = 1024


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed, and which of it is wanted: the arguments of ``query``, and when (Unix
    seconds)."""

    pk: str
    index: Index | None
    sk: SortRange
    reverse: bool
    filter: Condition | None
    attributes: Sequence[str] | None
    now: float

    def rows(self, start: Start | None, only: Prefilter | None = None) -> Statement:
        """The rows behind ``start``."""
        return listing(self.pk, self.index, self.sk, self.reverse, start, self.now, only)


def page(
    connection: sqlite3.Connection, wanted: Listing, limit: int | None, start: Start | None
) -> Page:
    """The page behind ``start``.

    It is full with ``limit`` items that pass the filter; without a limit, with the item with which
    the bytes read (its key and ``stored_bytes`` for every item, filtered or not) reach 1 MB.
    """
    if limit is not None and wanted.index != "GSI2":
        return _counted_page(connection, wanted, limit, start)
    rows = wanted.rows(start)
    cursor = connection.execute(rows.sql, rows.values)
    try:
        return _measured_page(cursor, wanted, limit)
    finally:
        cursor.close()


def next_start(last: Mapping[str, Any], index: Index | None) -> dict[str, str]:
    """Where a listing goes on behind its last item: the item's key, and its key in the index."""
    start = {"PK": last["PK"], "SK": last["SK"]}
    if index is not None:
        for name in (f"{index.lower()}pk", f"{index.lower()}sk"):
            start[name] = last[name]
    return start


@reading_stored
def _counted_page(
    connection: sqlite3.Connection, wanted: Listing, limit: int, start: Start | None
) -> Page:
    """Chunks of rows, of which SQLite skips what surely fails the filter, until the page is full;
    then see whether there is one more row."""
    test = only = None
    if wanted.filter is not None:
        test, only = wanted.filter.holds, prefilter(wanted.filter)
    items: list[Item] = []
    seen = read = 0
    # With a prefilter, one row more than needed could be far away.
    count = min(limit if only else limit + 1, FIRST_ROWS)
    while True:
        chunk = joined(wanted.rows(start, only), count)
        body = connection.execute(chunk.sql, chunk.values).fetchone()[0]
        if body is None:
            return Page(_picked(items, wanted.attributes), None)
        found = decode_joined(body)
        passing = found if test is None else [item for item in found if test(item)]
        items += passing
        if len(items) >= limit:
            del items[limit:]
            last = items[-1]
            start = next_start(last, wanted.index)
            more = last is not found[-1] or any_row(connection, wanted, start)
            return Page(_picked(items, wanted.attributes), start if more else None)
        if len(found) < count:
            return Page(_picked(items, wanted.attributes), None)
        start = next_start(found[-1], wanted.index)
        seen, read = seen + len(found), read + len(body)
        count = next_count(limit - len(items), seen, len(items), read)


def next_count(missing: int, seen: int, passed: int, read: int) -> int:
    """How many rows to read next: a megabyte, or what the page may still hold, going by the rows
    so far (``read`` bytes of them)."""
    expected = missing * seen // max(1, passed) + 1
    return max(1, min(expected, MAX_PAGE_BYTES * seen // read, _MOST_ROWS))


def any_row(connection: sqlite3.Connection, wanted: Listing, start: Start) -> bool:
    """Whether the listing has a row behind ``start``, whether or not it passes the filter."""
    rows = wanted.rows(start)
    cursor = connection.execute(f"SELECT EXISTS ({rows.sql})", rows.values)
    return bool(cursor.fetchone()[0])


@reading_stored
def _measured_page(rows: sqlite3.Cursor, wanted: Listing, limit: int | None) -> Page:
    items: list[Item] = []
    last: Item = {}
    read = seen = 0
    full = False
    test = None if wanted.filter is None else wanted.filter.holds
    fetch = FIRST_ROWS if limit is None else min(limit + 1, FIRST_ROWS)
    keys_only = wanted.index == "GSI2"
    decoded, size = (_keys_only, len) if keys_only else (decode_rows, stored_bytes)
    while found := rows.fetchmany(fetch):
        for row, item in zip(found, decoded(found), strict=True):
            if full:
                return Page(_picked(items, wanted.attributes), next_start(last, wanted.index))
            read += len(row[0]) + size(row[1])
            last = item
            if test is None or test(item):
                items.append(item)
                full = len(items) == limit
            if limit is None:
                full = read >= MAX_PAGE_BYTES
        seen += len(found)
        # A megabyte at a time, or what the page may still hold, going by the rows so far.
        fetch = (MAX_PAGE_BYTES - read % MAX_PAGE_BYTES) * seen // read + 1
        if limit is not None:
            fetch = min(fetch, (limit - len(items)) * seen // max(1, len(items)) + 1)
        fetch = min(_MOST_ROWS, max(1, fetch))
    return Page(_picked(items, wanted.attributes), None)


def _keys_only(rows: Sequence[tuple[str, str, str, str]]) -> list[Item]:
    return [dict(zip(_GSI2_ATTRIBUTES, row, strict=True)) for row in rows]


def _picked(items: list[Item], attributes: Sequence[str] | None) -> list[Item]:
    return items if attributes is None else [pick(item, attributes) for item in items]
