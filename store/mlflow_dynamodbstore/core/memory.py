"""What a process remembers of the table, and for how long (docs/decisions/memory.md)."""

from __future__ import annotations

import time
from typing import Any

from dynamodbstore_table.port import Table

_REMEMBERED_SECONDS = 5.0
_ACTIVE_SECONDS_IN_A_FILE = 1.0
_MOST_REMEMBERED = 10_000


def remembered_seconds(table: Table) -> float:
    """How long a process may rely on what it has read: 5 seconds on a remote table, 0 in a file,
    where looking again costs microseconds."""
    return _REMEMBERED_SECONDS if table.remote else 0.0


def active_seconds(table: Table) -> float:
    """How long a process may rely, in writes, on having seen a run active."""
    return remembered_seconds(table) or _ACTIVE_SECONDS_IN_A_FILE


class Memory:
    """Values by key, read of a table, each for at most ``seconds``; with 0 nothing is remembered.

    All are forgotten when another table is found in the place of that one.
    """

    def __init__(self, seconds: float, table: Table) -> None:
        self._seconds = seconds
        self._table = table
        self._incarnation = table.incarnation
        self._values: dict[str, tuple[float, Any]] = {}

    def get(self, key: str) -> Any | None:
        if self._incarnation != self._table.incarnation:
            self._values, self._incarnation = {}, self._table.incarnation
        found = self._values.get(key)
        if found is None or found[0] < time.monotonic():
            return None
        return found[1]

    def put(self, key: str, value: Any) -> None:
        if not self._seconds:
            return
        if len(self._values) >= _MOST_REMEMBERED:
            self._values = {}
        self._values[key] = (time.monotonic() + self._seconds, value)

    def forget(self, key: str) -> None:
        self._values.pop(key, None)

    def forget_all(self) -> None:
        self._values = {}
