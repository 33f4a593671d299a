"""Reading many items of the embedded file by their keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import orjson
from dynamodbstore_events.keys import Key

from dynamodbstore_table.embedded.codec import decode, decode_numbered, listable, pick
from dynamodbstore_table.embedded.query import GET, SAME_PK, SAME_SK
from dynamodbstore_table.port import Item

_TOGETHER: Final = 512


def read_items(
    connection: sqlite3.Connection,
    wanted: Sequence[Key],
    attributes: Sequence[str] | None,
    now: float,
) -> dict[Key, Item]:
    """Those of the items that exist ``now`` (Unix seconds), in the order of ``wanted``, which names
    no key twice."""
    found: dict[Key, Item] = {}
    # Keys that share one half are read together, by whichever half more of them share.
    by_pk = _grouped(wanted, 0)
    by_sk = _grouped(wanted, 1)
    shared = 0 if len(by_pk) < len(by_sk) else 1
    groups = (by_pk, by_sk)[shared]
    for group in groups.values():
        for first in range(0, len(group), _TOGETHER):
            found.update(_read(connection, group[first : first + _TOGETHER], shared, now))
    if len(groups) > 1:
        found = {key: found[key] for key in wanted if key in found}
    if attributes is None:
        return found
    names = ("PK", "SK", *attributes)
    return {key: pick(item, names) for key, item in found.items()}


def _grouped(keys: Iterable[Key], half: int) -> dict[str, list[Key]]:
    groups: dict[str, list[Key]] = {}
    for key in keys:
        groups.setdefault(key[half], []).append(key)
    return groups


def _read(
    connection: sqlite3.Connection, keys: list[Key], shared: int, now: float
) -> Iterator[tuple[Key, Item]]:
    others = [key[1 - shared] for key in keys]
    if len(keys) == 1 or not listable(others):
        for key in keys:
            row = connection.execute(GET, (*key, now)).fetchone()
            if row is not None:
                yield key, decode(key[0], row[0])
        return
    statement = SAME_SK if shared == 1 else SAME_PK
    names = orjson.dumps(others).decode()
    body = connection.execute(statement, (names, keys[0][shared], now)).fetchone()[0]
    if body is not None:
        for number, item in decode_numbered(body):
            key = keys[number]
            item["PK"] = key[0]
            yield key, item
