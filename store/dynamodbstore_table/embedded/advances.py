"""``Advances`` on the embedded file: items are read, changed and written as they are stored."""

from __future__ import annotations

import sqlite3
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import Final

import orjson

from dynamodbstore_table.checks import INDEXED
from dynamodbstore_table.embedded.codec import listable, reading_stored, restore, stored_numbered
from dynamodbstore_table.embedded.query import SAME_PK_ANY_AGE
from dynamodbstore_table.embedded.rows import NEVER_TOO_LARGE
from dynamodbstore_table.port import Advances, Item

# This many items of one write unit, such as open chunks of metrics, are not too large together.
_TOGETHER: Final = 150
_SHORTEST: Final = 5
"""The attributes of an item that advances alone have made: its key, the mark, the list and the one
that is set once."""

# Many rows by one statement take half the time of a statement each.
_WRITE: Final = """INSERT INTO items (pk, sk, body)
    SELECT ?, made.key, CAST(made.value AS BLOB) FROM json_each(?) AS made WHERE true
    ON CONFLICT (pk, sk) DO UPDATE SET body = excluded.body"""


def advance_stored(
    connection: sqlite3.Connection, ops: Advances
) -> tuple[list[int], dict[int, Item]]:
    """Do those of the updates whose items are missing, or in the form that such updates make.

    Returns the numbers of the others, which are left to be done, and by their numbers the items of
    those whose condition failed.
    """
    others: list[int] = []
    failures: dict[int, Item] = {}
    # In the order of the rows: neighbours are on one page.
    columns = ops.sks, ops.marks, ops.values, ops.defaults, range(len(ops.sks))
    rows = sorted(zip(*columns, strict=True))
    for first in range(0, len(rows), _TOGETHER):
        _advance_some(connection, ops, rows[first : first + _TOGETHER], others, failures)
    return others, failures


@reading_stored
def _advance_some(
    connection: sqlite3.Connection,
    ops: Advances,
    rows: Sequence[tuple[str, bytes, str, int, int]],
    others: list[int],
    failures: dict[int, Item],
) -> None:
    sks = [row[0] for row in rows]
    if not (listable(sks) and listable([row[2] for row in rows])):
        others += [row[4] for row in rows]
        return
    mark, values_in, room, drop = ops.mark, ops.values_in, ops.room, ops.drop
    once = ops.once
    found = _stored(connection, ops.pk, sks)
    changed: dict[str, Item] = {}
    for place, (sk, at, value, default, number) in enumerate(rows):
        item = found.get(place)
        if item is None:
            item = {"PK": mark, "SK": sk, values_in: [value]}
        elif (
            # The mark is there, and nothing else that JSON has not.
            item.get("PK") != mark
            or type(values := item.get(values_in)) is not list
            or (len(item) > _SHORTEST and not INDEXED.isdisjoint(item))
        ):
            others.append(number)
            continue
        elif len(values) >= room or a2b_base64(item[mark]) >= at:
            failures[number] = restore(ops.pk, [item], None)[0]
            continue
        else:
            values.append(value)
            if drop in item:
                del item[drop]
        item[mark] = b2a_base64(at, newline=False).decode()
        item.setdefault(once, default)
        changed[sk] = item
    text = orjson.dumps(changed)
    if len(text) > NEVER_TOO_LARGE:
        # An item may have grown too large: these are for those who count an item's bytes.
        others += [number for sk, _, _, _, number in rows if sk in changed]
    elif changed:
        connection.execute(_WRITE, (ops.pk, text.decode()))


def _stored(connection: sqlite3.Connection, pk: str, sks: Sequence[str]) -> dict[int, Item]:
    """The stored objects, of any age, by the places of their sort keys."""
    wanted = orjson.dumps(sks).decode()
    pairs = connection.execute(SAME_PK_ANY_AGE, (wanted, pk)).fetchone()[0]
    return {} if pairs is None else dict(stored_numbered(pairs))
