"""Whether a file's ``ttl`` attributes count.

Older versions stamped what they wrote into a file with a time to live that nobody had chosen. The
table ``stamps`` keeps what becomes of them. Without it no server of this version has looked at the
file yet. ``ignored`` is 1 while no ``ttl`` in the file counts, in no read, condition or sweep: the
old ones are taken off meanwhile, a few at a time. It is 0 where there are none, or they were
chosen.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from dynamodbstore_table.embedded.codec import decode
from dynamodbstore_table.port import Item

_LOOK_SECONDS: Final = 1.0
_TABLE: Final = """CREATE TABLE IF NOT EXISTS stamps (
    id INTEGER PRIMARY KEY CHECK (id = 1), ignored INTEGER NOT NULL)"""
_READ: Final = "SELECT ignored FROM stamps"
_WRITE: Final = "INSERT OR REPLACE INTO stamps VALUES (1, ?)"
_NO_TABLE: Final = "no such table: stamps"
# The partial index of the stamped rows leads the search: no other row is read.
_STAMPED: Final = """SELECT pk, sk, body FROM items
    WHERE ttl IS NOT NULL AND (ttl, pk, sk) > (?, ?, ?) ORDER BY ttl, pk, sk LIMIT ?"""


class Stamps:
    """What a process knows of it: other processes change it, so it looks again each second."""

    def __init__(self) -> None:
        self._ignored = False
        self._next_look = 0.0

    def ignored(self, connection: sqlite3.Connection) -> bool:
        """Whether they count for nothing, as it was a second ago at most."""
        now = time.monotonic()
        if now >= self._next_look:
            self.look(connection)
            self._next_look = now + _LOOK_SECONDS
        return self._ignored

    def look(self, connection: sqlite3.Connection) -> bool:
        """Whether they count for nothing now."""
        self._ignored = _kept(connection) is True
        return self._ignored

    def set_ignored(self, connection: sqlite3.Connection, ignored: bool) -> None:
        """Let none count, or all, within the transaction that the connection has open."""
        keep_ignored(connection, ignored)
        self._next_look = 0.0


def keep_ignored(connection: sqlite3.Connection, ignored: bool) -> None:
    """Write down whether the stamps of the file are ignored, or looked at and heeded."""
    connection.execute(_TABLE)
    connection.execute(_WRITE, (ignored,))


def may_be_old(connection: sqlite3.Connection) -> bool:
    """Whether the file may hold what an older version has stamped by its defaults."""
    return _kept(connection) is not False


def _kept(connection: sqlite3.Connection) -> bool | None:
    """Whether the stamps are ignored; None where nobody has looked at the file yet."""
    try:
        row = connection.execute(_READ).fetchone()
    except sqlite3.OperationalError as error:
        if _NO_TABLE not in str(error):
            raise
        return None
    return None if row is None else bool(row[0])


def stamped_items(
    connection: sqlite3.Connection, behind: tuple[int, str, str], limit: int
) -> list[Item]:
    """Items with a ``ttl``, behind (ttl, PK, SK), in that order."""
    rows = connection.execute(_STAMPED, (*behind, limit)).fetchall()
    return [decode(pk, body) for pk, _, body in rows]
