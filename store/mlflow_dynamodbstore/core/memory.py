"""What a process remembers of the table, and for how long (docs/decisions/memory.md)."""

from __future__ import annotations

import threading
import time
from operator import itemgetter
from typing import Any, Generic, TypeVar

from cachetools import LRUCache, TTLCache
from dynamodbstore_table.port import Table

_K = TypeVar("_K")
_V = TypeVar("_V")

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


def _now() -> float:
    return time.monotonic()


class Memory:
    """Values by key, read of a table, each for at most ``seconds``; with 0 nothing is remembered.

    All are forgotten when another table is found in the place of that one, and the least recently
    used where they are too many. Safe for many threads.
    """

    def __init__(self, seconds: float, table: Table) -> None:
        self._remembers = seconds > 0
        self._table = table
        self._incarnation = table.incarnation
        self._values: TTLCache[str, Any] = TTLCache(_MOST_REMEMBERED, seconds, _now)
        self._lock = threading.Lock()

    def get(self, key: str) -> Any | None:
        if not self._remembers:
            return None
        with self._lock:
            if self._incarnation != self._table.incarnation:
                self._values.clear()
                self._incarnation = self._table.incarnation
            try:
                # A third of the time that its get() takes, in the path of every write.
                return self._values[key]
            except KeyError:
                return None

    def put(self, key: str, value: Any) -> None:
        if self._remembers:
            with self._lock:
                self._values[key] = value

    def forget(self, key: str) -> None:
        with self._lock:
            self._values.pop(key, None)

    def forget_all(self) -> None:
        with self._lock:
            self._values.clear()


class Recent(Generic[_K, _V]):
    """Values that never become stale: the most recently used ones, safe for many threads.

    ``most`` bounds the sum of their sizes (for example in bytes), each 1 unless it is given.
    """

    def __init__(self, most: int) -> None:
        self._values: LRUCache[_K, tuple[_V, int]] = LRUCache(most, itemgetter(1))
        self._lock = threading.Lock()

    def get(self, key: _K) -> _V | None:
        with self._lock:
            found = self._values.get(key)
        return None if found is None else found[0]

    def put(self, key: _K, value: _V, size: int = 1) -> None:
        """Remember a value, unless it alone would be too much."""
        with self._lock:
            if size <= self._values.maxsize:
                self._values[key] = value, size

    def forget(self, key: _K) -> None:
        with self._lock:
            self._values.pop(key, None)
