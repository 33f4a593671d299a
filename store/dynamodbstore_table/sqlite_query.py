"""Reading the embedded file: the SQL of listings, and pages made of their rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dynamodbstore_table.conditions import Condition, holds
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import MAX_PAGE_BYTES, Index, Item, Page, SortRange, Start
from dynamodbstore_table.sqlite_codec import decode_rows, pick, stored_bytes

_ALIVE: Final = "(ttl IS NULL OR ttl > ?)"

GET: Final = f"SELECT body FROM items WHERE pk = ? AND sk = ? AND {_ALIVE}"

# One value for a whole partition, or many: SQLite joins rows faster than Python fetches them.
PARTITION: Final = f"""SELECT CAST(group_concat(body) AS BLOB) FROM (
    SELECT body FROM items WHERE pk = ? AND sk >= ? AND sk <= ? AND {_ALIVE} ORDER BY sk)"""
PARTITIONS: Final = """SELECT CAST(group_concat('[' || coalesce((
    SELECT group_concat(body) FROM (
        SELECT body FROM items WHERE pk = wanted.value AND sk >= ?1 AND sk <= ?2
        AND (ttl IS NULL OR ttl > ?3) ORDER BY sk)
    ), '') || ']') AS BLOB) FROM json_each(?4) AS wanted"""

SCAN: Final = f"SELECT pk, body FROM items WHERE (pk, sk) > (?, ?) AND {_ALIVE} ORDER BY pk, sk"

_GSI2_ATTRIBUTES: Final = ("PK", "SK", "gsi2pk", "gsi2sk")
_FIRST_ROWS: Final = 64
_MOST_ROWS: Final = 1024

# In SQLite's order every BLOB is above every TEXT, and a BLOB bound to a TEXT column stays one.
OPEN_END: Final = b""


def _listing(index: Index | None, reverse: bool, resumed: bool) -> str:
    order, beyond = (" DESC", "<") if reverse else ("", ">")
    if index is None:
        # Read forward, a page resumes behind a key by a higher first bound: same text.
        high = "<" if resumed and reverse else "<="
        return (
            f"SELECT pk, body FROM items WHERE pk = ? AND sk >= ? AND sk {high} ? AND {_ALIVE} "
            f"ORDER BY sk{order}"
        )
    hash_key, sort_key = f"{index.lower()}pk", f"{index.lower()}sk"
    columns = "pk, body" if index == "GSI1" else f"pk, sk, {hash_key}, {sort_key}"
    resume = f" AND ({sort_key}, pk, sk) {beyond} (?, ?, ?)" if resumed else ""
    return (
        f"SELECT {columns} FROM items WHERE {hash_key} = ? AND {sort_key} >= ? "
        f"AND {sort_key} <= ? AND {_ALIVE}{resume} "
        f"ORDER BY {sort_key}{order}, pk{order}, sk{order}"
    )


_LISTINGS: Final = {
    (index, reverse, resumed): _listing(index, reverse, resumed)
    for index in (None, "GSI1", "GSI2")
    for reverse in (False, True)
    for resumed in (False, True)
}


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with the values for its marks."""

    sql: str
    values: tuple[Any, ...]


def bounds(sk: SortRange) -> tuple[str, str | bytes]:
    """The range as two values to compare with, both included."""
    return ("" if sk.low is None else sk.low, OPEN_END if sk.high is None else sk.high)


def listing(
    pk: str, index: Index | None, sk: SortRange, reverse: bool, start: Start | None, now: float
) -> Statement:
    """The rows of ``query`` in order, as far as anybody reads them."""
    low, high = bounds(sk)
    resumed = start is not None
    values: tuple[Any, ...]
    if start is None:
        values = (pk, low, high, now)
    elif index is None:
        here = _start_part(start, "SK")
        if not reverse:
            values = (pk, max(low, here + "\0"), high, now)
        elif isinstance(high, str) and high < here:
            resumed, values = False, (pk, low, high, now)
        else:
            values = (pk, low, here, now)
    else:
        here = _start_part(start, f"{index.lower()}sk")
        if reverse:
            high = here if isinstance(high, bytes) else min(high, here)
        else:
            low = max(low, here)
        values = (pk, low, high, now, here, _start_part(start, "PK"), _start_part(start, "SK"))
    return Statement(_LISTINGS[index, reverse, resumed], values)


def page(
    rows: sqlite3.Cursor,
    index: Index | None,
    filter: Condition | None,
    limit: int | None,
    attributes: Sequence[str] | None,
) -> Page:
    """Read rows until the page is full, then see whether there is one more.

    A page is full with ``limit`` items that pass the filter; without a limit, with the item with
    which the bytes read (its key and ``stored_bytes`` for every item, filtered or not) reach 1 MB.
    """
    items: list[Item] = []
    last: Item = {}
    read = seen = 0
    full = False
    fetch = _FIRST_ROWS if limit is None else min(limit + 1, _FIRST_ROWS)
    decoded, size = (_keys_only, len) if index == "GSI2" else (decode_rows, stored_bytes)
    while found := rows.fetchmany(fetch):
        for row, item in zip(found, decoded(found), strict=True):
            if full:
                return Page(_picked(items, attributes), next_start(last, index))
            read += len(row[0]) + size(row[1])
            last = item
            if filter is None or holds(filter, item):
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
    return Page(_picked(items, attributes), None)


def _keys_only(rows: Sequence[tuple[str, str, str, str]]) -> list[Item]:
    return [dict(zip(_GSI2_ATTRIBUTES, row, strict=True)) for row in rows]


def next_start(last: Mapping[str, Any], index: Index | None) -> dict[str, str]:
    """Where a listing goes on behind its last item: the item's key, and its key in the index."""
    start = {"PK": last["PK"], "SK": last["SK"]}
    if index is not None:
        for name in (f"{index.lower()}pk", f"{index.lower()}sk"):
            start[name] = last[name]
    return start


def _picked(items: list[Item], attributes: Sequence[str] | None) -> list[Item]:
    return items if attributes is None else [pick(item, attributes) for item in items]


def _start_part(start: Start, name: str) -> str:
    try:
        return start[name]
    except KeyError:
        raise InvalidOps(f"the start of a page lacks {name}: {dict(start)!r}") from None
