"""Reading many whole partitions of the embedded file at once."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Final, TypeAlias

import orjson

from dynamodbstore_table.embedded.codec import (
    decode_partition,
    decode_partitions,
    decode_rows,
    listable,
    pick,
    restore,
)
from dynamodbstore_table.embedded.query import PARTITION, PARTITIONS, bounds, listing
from dynamodbstore_table.port import Item, SortRange

_TOGETHER: Final = 16
_WORTH_A_THREAD: Final = 4 * _TOGETHER
_AHEAD: Final = 2

_Found: TypeAlias = bytes | list[list[Item]]
"""Several partitions: as one JSON array of arrays, or, too large for that, as items."""


def read_partitions(
    connection: sqlite3.Connection,
    pks: Sequence[str],
    sk: SortRange,
    attributes: Sequence[str] | None,
    now: float,
    *,
    threads: bool,
) -> dict[str, list[Item]]:
    """The items of each partition as of ``now`` (Unix seconds), in sort key order.

    With ``threads``, a second thread may use the connection before this returns: SQLite reads the
    next partitions, outside of Python's lock, while this thread decodes the last ones.
    """
    if len(pks) == 1:
        return {pks[0]: _read_one(connection, pks[0], sk, attributes, now)}
    chunks = [pks[first : first + _TOGETHER] for first in range(0, len(pks), _TOGETHER)]
    found: dict[str, list[Item]] = {}
    ahead = threads and len(pks) >= _WORTH_A_THREAD
    rows = _read_ahead(connection, chunks, sk, now) if ahead else _read(connection, chunks, sk, now)
    # Closed before an error leaves: the connection may be closed then, and must not be in use.
    with closing(rows):
        for chunk, partitions in zip(chunks, rows, strict=True):
            if isinstance(partitions, bytes):
                for pk, items in zip(chunk, decode_partitions(chunk, partitions), strict=True):
                    found[pk] = restore(pk, items, attributes)
            else:
                for pk, items in zip(chunk, partitions, strict=True):
                    found[pk] = _picked(items, attributes)
    return found


def _read(
    connection: sqlite3.Connection, chunks: Sequence[Sequence[str]], sk: SortRange, now: float
) -> Generator[_Found, None, None]:
    for chunk in chunks:
        yield _read_together(connection, chunk, sk, now)


def _read_ahead(
    connection: sqlite3.Connection, chunks: Sequence[Sequence[str]], sk: SortRange, now: float
) -> Generator[_Found, None, None]:
    with ThreadPoolExecutor(1, "partitions") as reader:
        waiting: deque[Future[_Found]] = deque()
        for chunk in chunks:
            waiting.append(reader.submit(_read_together, connection, chunk, sk, now))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read_together(
    connection: sqlite3.Connection, pks: Sequence[str], sk: SortRange, now: float
) -> _Found:
    if not listable(pks):
        return [_read_one(connection, pk, sk, None, now) for pk in pks]
    wanted = orjson.dumps(pks).decode()
    try:
        row = connection.execute(PARTITIONS, (*bounds(sk), now, wanted)).fetchone()
    except sqlite3.DataError:  # more than SQLite holds in one value, a gigabyte
        return [_read_one(connection, pk, sk, None, now) for pk in pks]
    joined: bytes = row[0]
    return b"[" + joined + b"]"


def _read_one(
    connection: sqlite3.Connection,
    pk: str,
    sk: SortRange,
    attributes: Sequence[str] | None,
    now: float,
) -> list[Item]:
    try:
        bodies = connection.execute(PARTITION, (pk, *bounds(sk), now)).fetchone()[0]
    except sqlite3.DataError:
        rows = listing(pk, None, sk, False, None, now)
        return _picked(
            decode_rows(connection.execute(rows.sql, rows.values).fetchall()), attributes
        )
    return [] if bodies is None else decode_partition(pk, bodies, attributes)


def _picked(items: list[Item], attributes: Sequence[str] | None) -> list[Item]:
    return items if attributes is None else [pick(item, attributes) for item in items]
