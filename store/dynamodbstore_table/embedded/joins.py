"""Pages of a listing of the embedded file, joined with other items of the listed partitions.

SQLite walks the index alone and looks for the joined items by key; what lacks one of them, or
surely fails its test, is skipped in C. Only what passes is then read whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from dynamodbstore_events.keys import Key

from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.embedded.codec import decode_joins, pick, reading_stored
from dynamodbstore_table.embedded.lookups import read_items
from dynamodbstore_table.embedded.pages import FIRST_ROWS, Listing, any_row, next_count, next_start
from dynamodbstore_table.embedded.prefilter import Prefilter, prefilter
from dynamodbstore_table.embedded.query import joined_listing
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.joins import Having
from dynamodbstore_table.port import Item, Page, Start

_MOST_JOINED: Final = 20


@reading_stored
def joined_page(
    connection: sqlite3.Connection,
    wanted: Listing,
    having: Sequence[Having],
    limit: int,
    start: Start | None,
) -> Page:
    """The page behind ``start``: full with ``limit`` items that pass the filter and ``having``."""
    if not 1 <= len(having) <= _MOST_JOINED:
        raise InvalidOps(f"a listing is joined with 1 to {_MOST_JOINED} items, not {len(having)}")
    only = _prefilter(wanted.filter)
    beside = [(one.sk, _prefilter(one.condition)) for one in having]
    items: list[Item] = []
    seen = read = 0
    count = min(limit, FIRST_ROWS)
    while True:
        rows = joined_listing(
            wanted.pk, wanted.sk, wanted.reverse, start, wanted.now, only, beside, count
        )
        body = connection.execute(rows.sql, rows.values).fetchone()[0]
        if body is None:
            return _page(items, wanted, having, None)
        places, *columns = decode_joins(body, len(having))
        items += _passing(connection, wanted, having, places, columns)
        if len(items) >= limit:
            del items[limit:]
            start = next_start(items[-1], wanted.index)
            more = any_row(connection, wanted, start)
            return _page(items, wanted, having, start if more else None)
        if len(places) < count:
            return _page(items, wanted, having, None)
        pk, sk, gsi1sk = places[-1]
        start = {"PK": pk, "SK": sk, "gsi1pk": wanted.pk, "gsi1sk": gsi1sk}
        seen, read = seen + len(places), read + len(body)
        count = next_count(limit - len(items), seen, len(items), read)


def _passing(
    connection: sqlite3.Connection,
    wanted: Listing,
    having: Sequence[Having],
    places: Sequence[tuple[str, str, str]],
    columns: Sequence[list[Item]],
) -> list[Item]:
    """The listed items whose joined items pass, and which pass the filter, with the joined ones."""
    passing: Sequence[int] = range(len(places))
    for one, column in zip(having, columns, strict=True):
        holds = one.test
        passing = [row for row in passing if holds(column[row])]
    keys: dict[Key, int] = {(places[row][0], places[row][1]): row for row in passing}
    test = None if wanted.filter is None else wanted.filter.holds
    items: list[Item] = []
    for key, item in read_items(connection, list(keys), None, wanted.now).items():
        row = keys[key]
        # It is read after it was listed: it may have moved meanwhile.
        if (item.get("gsi1pk"), item.get("gsi1sk")) != (wanted.pk, places[row][2]):
            continue
        if test is None or test(item):
            for one, column in zip(having, columns, strict=True):
                item[one.sk] = {"PK": key[0], **column[row]}
            items.append(item)
    return items


def _page(
    items: list[Item], wanted: Listing, having: Sequence[Having], following: Start | None
) -> Page:
    if wanted.attributes is not None:
        names = (*wanted.attributes, *(one.sk for one in having))
        items = [pick(item, names) for item in items]
    return Page(items, following)


def _prefilter(condition: Condition | None) -> Prefilter | None:
    return None if condition is None else prefilter(condition)
