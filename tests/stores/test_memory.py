"""What a process remembers of a table: for a time, or the most recently used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from mlflow_dynamodbstore.core.memory import Memory, Recent


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the monotonic clock on by seconds."""
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def by(seconds: float) -> None:
        now[0] += seconds

    return by


def test_memory_forgets_a_value_after_its_seconds(
    sqlite_table: SqliteTable, pass_time: Callable[[float], None]
) -> None:
    memory = Memory(5.0, sqlite_table)
    memory.put("a", 1)

    pass_time(4.9)
    assert memory.get("a") == 1
    memory.put("a", 2)
    pass_time(4.9)
    assert memory.get("a") == 2
    pass_time(0.2)
    assert memory.get("a") is None


def test_memory_of_no_seconds_remembers_nothing(sqlite_table: SqliteTable) -> None:
    memory = Memory(0.0, sqlite_table)

    memory.put("a", 1)

    assert memory.get("a") is None


def test_memory_forgets_all_when_another_table_takes_the_place(
    sqlite_table: SqliteTable,
) -> None:
    memory = Memory(5.0, sqlite_table)
    memory.put("a", 1)

    with mock.patch.object(type(sqlite_table), "incarnation", new="another"):
        assert memory.get("a") is None
        memory.put("a", 2)
        assert memory.get("a") == 2


def test_memory_forgets_what_it_has_to(sqlite_table: SqliteTable) -> None:
    memory = Memory(5.0, sqlite_table)
    memory.put("a", 1)
    memory.put("b", 2)

    memory.forget("a")
    memory.forget("never there")
    assert (memory.get("a"), memory.get("b")) == (None, 2)

    memory.forget_all()
    assert memory.get("b") is None


def test_recent_keeps_the_most_recently_used() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")

    recent.put("c", 3)

    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_recent_is_bounded_by_sizes() -> None:
    recent: Recent[str, str] = Recent(100)
    recent.put("a", "A", 60)
    recent.put("too large", "X", 101)
    recent.put("b", "B", 60)
    recent.put("b", "B2", 30)
    recent.put("c", "C", 60)

    found: list[Any] = [recent.get(key) for key in ("a", "too large", "b", "c")]
    assert found == [None, None, "B2", "C"]


def test_memories_are_safe_for_many_threads(sqlite_table: SqliteTable) -> None:
    recent: Recent[int, int] = Recent(50)
    memory = Memory(5.0, sqlite_table)
    start = threading.Barrier(8)

    def use(number: int) -> None:
        start.wait()
        for n in range(2000):
            key = (n * 7 + number) % 100
            recent.put(key, key)
            assert recent.get(key) in (key, None)
            memory.put(str(key), key)
            assert memory.get(str(key)) in (key, None)
            memory.forget(str(key - 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
