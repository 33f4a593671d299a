"""``Advances`` on the embedded file: items are read, changed and written as they are stored."""

from __future__ import annotations

import sqlite3
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from typing import Final

import orjson

from dynamodbstore_table.advances import Advances
from dynamodbstore_table.port import MAX_ITEM_BYTES, Item
from dynamodbstore_table.sqlite_codec import listable, restore

_TOGETHER: Final = 200
_NEVER_TOO_LARGE: Final = MAX_ITEM_BYTES // 2
_COLUMNS: Final = frozenset({"ttl", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"})

_READ: Final = """SELECT CAST(group_concat(body) AS BLOB)
    FROM json_each(?) AS wanted CROSS JOIN items WHERE sk = wanted.value AND pk = ?"""
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
    numbers = sorted(range(len(ops.sks)), key=ops.sks.__getitem__)
    for first in range(0, len(numbers), _TOGETHER):
        some = numbers[first : first + _TOGETHER]
        if listable([ops.sks[n] for n in some]) and listable([ops.values[n] for n in some]):
            _advance_some(connection, ops, some, others, failures)
        else:
            others += some
    return others, failures


def _advance_some(
    connection: sqlite3.Connection,
    ops: Advances,
    numbers: list[int],
    others: list[int],
    failures: dict[int, Item],
) -> None:
    pk, mark, values_in, drop = ops.pk, ops.mark, ops.values_in, ops.drop
    found = _stored(connection, pk, [ops.sks[n] for n in numbers])
    changed: dict[str, Item] = {}
    for n in numbers:
        sk, at = ops.sks[n], ops.marks[n]
        item = found.get(sk)
        if item is None:
            changed[sk] = item = {"PK": mark, "SK": sk, values_in: [ops.values[n]]}
        elif (
            # The mark is there, and nothing else that JSON has not.
            item.get("PK") != mark
            or type(values := item.get(values_in)) is not list
            or not _COLUMNS.isdisjoint(item)
        ):
            others.append(n)
            continue
        elif len(values) >= ops.room or a2b_base64(item[mark]) >= at:
            failures[n] = restore(pk, [item], None)[0]
            continue
        else:
            values.append(ops.values[n])
            if drop in item:
                del item[drop]
            changed[sk] = item
        item[mark] = b2a_base64(at, newline=False).decode()
    text = orjson.dumps(changed)
    if len(text) > _NEVER_TOO_LARGE:
        # An item may have grown too large: these are for those who count an item's bytes.
        others += [n for n in numbers if ops.sks[n] in changed]
    elif changed:
        connection.execute(_WRITE, (pk, text.decode()))


def _stored(connection: sqlite3.Connection, pk: str, sks: Iterable[str]) -> dict[str, Item]:
    """The stored objects, of any age, by their sort keys."""
    bodies = connection.execute(_READ, (orjson.dumps(list(sks)).decode(), pk)).fetchone()[0]
    return {} if bodies is None else {i["SK"]: i for i in orjson.loads(b"[" + bodies + b"]")}
