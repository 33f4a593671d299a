"""A process that forks while it has the embedded file open."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableUnavailable
from dynamodbstore_table.port import Put, Table, Update

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

COUNTER = ("COUNTERS", "WRITES")


def in_fork(work: Callable[[], bool]) -> int:
    """Fork a child that does the work; return its process id. It exits with 0 for true."""
    pid = os.fork()
    if pid:
        return pid
    try:
        status = 0 if work() else 1
    except BaseException:
        status = 2
    os._exit(status)


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def count(table: Table) -> int:
    item = table.get(COUNTER)
    return 0 if item is None else int(item["n"])


def add(table: Table, times: int = 1) -> bool:
    for _ in range(times):
        table.write(Update(COUNTER, add={"n": 1}))
    return True


@pytest.fixture
def busy_threads(sqlite_table: SqliteTable) -> Iterator[list[int]]:
    """Two threads that write all the time; the list collects one entry a write."""
    done: list[int] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            add(sqlite_table)
            done.append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield done
    stop.set()
    for thread in threads:
        thread.join()


def test_parent_and_child_both_go_on_writing(sqlite_table: SqliteTable) -> None:
    # Given a table in use
    add(sqlite_table)

    # When the process forks, and parent and child write side by side
    pid = in_fork(lambda: add(sqlite_table, 200))
    add(sqlite_table, 200)

    # Then every write is there
    assert status_of(pid) == 0
    assert count(sqlite_table) == 401


def test_a_child_sees_what_its_parent_writes_later(sqlite_table: SqliteTable) -> None:
    # Given a child that waits
    add(sqlite_table)
    read_end, write_end = os.pipe()

    def wait_and_count() -> bool:
        os.read(read_end, 1)
        return count(sqlite_table) == 2

    pid = in_fork(wait_and_count)

    # When the parent writes after the fork
    add(sqlite_table)
    os.write(write_end, b"x")

    # Then the child reads it
    assert status_of(pid) == 0
    os.close(read_end)
    os.close(write_end)


def test_forks_beside_writing_threads_lose_nothing(
    sqlite_table: SqliteTable, busy_threads: list[int]
) -> None:
    # When a process forks children that write, while its own threads are at it
    pids = [in_fork(lambda: add(sqlite_table, 20)) for _ in range(8)]
    assert [status_of(pid) for pid in pids] == [0] * 8

    # Then the file is sound, and counts the writes of all
    sqlite_table.write(Put({"PK": "END", "SK": "END"}))
    connection = sqlite3.connect(sqlite_table.path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert count(sqlite_table) >= 8 * 20 + len(busy_threads) - 2


def test_a_fork_within_a_write_raises_in_the_child(tmp_path: Path) -> None:
    # Given an observer that forks in the middle of the write's transaction
    statuses: list[int] = []

    def fork_and_use(table: Table, events: Sequence[ChangeEvent]) -> None:
        def refused() -> bool:
            with pytest.raises(TableUnavailable, match="forked"):
                table.get(COUNTER)
            return True

        statuses.append(status_of(in_fork(refused)))

    table = SqliteTable(tmp_path / "table.ddb", observer=fork_and_use)
    table.create()

    # When it is written to
    add(table)

    # Then the child is refused, and the parent's write is there
    assert statuses == [0]
    assert count(table) == 1
    table.close()


def test_a_child_that_leaves_a_write_by_its_end_changes_nothing(tmp_path: Path) -> None:
    # Given an observer that forks, and a child that returns into the write that it came from
    pids: list[int] = []

    def fork_and_return(table: Table, events: Sequence[ChangeEvent]) -> None:
        pids.append(os.fork())

    table = SqliteTable(tmp_path / "table.ddb", observer=fork_and_return)
    table.create()

    # When it is written to
    try:
        add(table)
    except BaseException as error:
        if pids[-1] == 0:
            os._exit(7 if isinstance(error, TableUnavailable) else 8)
        raise
    if pids[-1] == 0:
        os._exit(9)

    # Then only the parent's write is done
    assert status_of(pids[0]) == 7
    assert count(table) == 1
    table.close()
