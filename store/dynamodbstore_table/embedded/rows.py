"""Single rows of the embedded file: the item as it is, and what an op makes of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key

from dynamodbstore_table.apply import applied, expired
from dynamodbstore_table.checks import INDEXED, check_index_keys
from dynamodbstore_table.embedded.codec import decode, decode_numbered, encode, listable
from dynamodbstore_table.embedded.query import SAME_PK_ANY_AGE
from dynamodbstore_table.errors import ItemTooLarge
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.port import MAX_ITEM_BYTES, Delete, Item, Put, Update

# DynamoDB counts a number of one digit as two bytes and an element of a list as one more, JSON
# writes two bytes: so the stored form of an item at the limit is at least two thirds of it.
NEVER_TOO_LARGE: Final = MAX_ITEM_BYTES // 2

_INT64: Final = 2**63

_READ: Final = "SELECT body FROM items WHERE pk = ? AND sk = ?"
_INSERT: Final = (
    "INSERT INTO items (ttl, gsi1pk, gsi1sk, gsi2pk, gsi2sk, body, pk, sk) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_BODY: Final = "INSERT INTO items (body, pk, sk) VALUES (?, ?, ?)"
_UPDATE: Final = (
    "UPDATE items SET ttl = ?, gsi1pk = ?, gsi1sk = ?, gsi2pk = ?, gsi2sk = ?, body = ? "
    "WHERE pk = ? AND sk = ?"
)
_UPDATE_BODY: Final = "UPDATE items SET body = ? WHERE pk = ? AND sk = ?"
_DELETE: Final = "DELETE FROM items WHERE pk = ? AND sk = ?"
_EXPIRED: Final = "SELECT pk, sk, body FROM items WHERE ttl <= ? ORDER BY ttl LIMIT ?"


class Row(NamedTuple):
    """What is stored under a key: ``item`` is None if it counts as absent, though its row may be
    there still (``old``)."""

    item: Item | None
    old: Item | None
    present: bool


_ABSENT: Final = Row(None, None, False)

Columns: TypeAlias = tuple[Any, ...]
_NO_COLUMNS: Final[Columns] = (None,) * 5
Change: TypeAlias = tuple[Key, Row, Item | None, bytes | None]
"""The key, its row, and the item to store with its stored form; None and None remove the row."""


def read_rows(connection: sqlite3.Connection, keys: Sequence[Key], now: float) -> list[Row]:
    """The rows under the keys, all different, as of ``now`` (Unix seconds)."""
    if len(keys) == 1:
        return [_read_row(connection, keys[0], now)]
    pk = keys[0][0]
    if all(key[0] == pk for key in keys):
        sks = [sk for _, sk in keys]
        if listable(sks):
            return _read_together(connection, pk, sks, now)
    return [_read_row(connection, key, now) for key in keys]


def _read_row(connection: sqlite3.Connection, key: Key, now: float) -> Row:
    found = connection.execute(_READ, key).fetchone()
    if found is None:
        return _ABSENT
    item = decode(key[0], found[0])
    return Row(None if expired(item, now) else item, item, True)


def _read_together(
    connection: sqlite3.Connection, pk: str, sks: Sequence[str], now: float
) -> list[Row]:
    rows = [_ABSENT] * len(sks)
    wanted = orjson.dumps(sks).decode()
    found = connection.execute(SAME_PK_ANY_AGE, (wanted, pk)).fetchone()[0]
    if found is not None:
        for number, item in decode_numbered(found):
            item["PK"] = pk
            rows[number] = Row(None if expired(item, now) else item, item, True)
    return rows


def planned(key: Key, op: Put | Update | Delete, row: Row) -> Change:
    """What the op does to the row. Raises ``InvalidOps`` or ``ItemTooLarge`` before it is done."""
    if isinstance(op, Delete):
        return key, row, None, None
    item = applied(op, row.item)
    if not INDEXED.isdisjoint(item):
        check_index_keys(item)
    body = encode(item)
    if len(body) > NEVER_TOO_LARGE and (size := item_size(item)) > MAX_ITEM_BYTES:
        raise ItemTooLarge(
            f"the item {item['PK']!r} {item['SK']!r} would take {size} bytes, "
            f"at most {MAX_ITEM_BYTES} are allowed"
        )
    return key, row, item, body


def apply_changes(connection: sqlite3.Connection, changes: Iterable[Change]) -> list[ChangeEvent]:
    """Apply the changes; returns the events, without removals of items that were missing."""
    events: list[ChangeEvent] = []
    statements: dict[str, list[tuple[Any, ...]]] = {}
    for key, row, item, body in changes:
        if item is None and not row.present:
            continue
        sql, values = _statement(key, row, item, body)
        if sql in statements:
            statements[sql].append(values)
        else:
            statements[sql] = [values]
        events.append(ChangeEvent(key[0], key[1], row.old, item is None))
    for sql, all_values in statements.items():
        if len(all_values) == 1:
            connection.execute(sql, all_values[0])
        else:
            connection.executemany(sql, all_values)
    return events


def _statement(
    key: Key, row: Row, item: Item | None, body: bytes | None
) -> tuple[str, tuple[Any, ...]]:
    if item is None:
        return _DELETE, key
    columns = _columns(item)
    if not row.present:
        if columns is _NO_COLUMNS:
            # Most items: a third of the time of the full statement less.
            return _INSERT_BODY, (body, *key)
        return _INSERT, (*columns, body, *key)
    if row.old is not None and _columns(row.old) == columns:
        return _UPDATE_BODY, (body, *key)
    return _UPDATE, (*columns, body, *key)


def expired_rows(
    connection: sqlite3.Connection, now: float, limit: int
) -> list[tuple[str, str, bytes]]:
    """Keys and stored forms of items past their time to live, the longest expired first."""
    return connection.execute(_EXPIRED, (now, limit)).fetchall()


def _columns(item: Item) -> Columns:
    """``ttl`` and the keys of the indexes that the item is in."""
    if INDEXED.isdisjoint(item):
        return _NO_COLUMNS
    get = item.get
    ttl = get("ttl")
    if ttl is not None and abs(ttl) >= _INT64:
        ttl = None if ttl > 0 else 0  # further off than the column can hold, or long past
    gsi1: tuple[Any, Any] = (get("gsi1pk"), get("gsi1sk"))
    gsi2: tuple[Any, Any] = (get("gsi2pk"), get("gsi2sk"))
    if None in gsi1:
        gsi1 = None, None
    if None in gsi2:
        gsi2 = None, None
    return (ttl, *gsi1, *gsi2)
