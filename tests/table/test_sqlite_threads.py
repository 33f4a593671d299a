"""Many threads on one embedded file, and a write-ahead log that stays small."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dynamodbstore_table.embedded import schema as sqlite_schema
from dynamodbstore_table.embedded import transactions as sqlite_transactions
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TransactionConflict
from dynamodbstore_table.port import Put, Update

THREADS = 8
COUNTER = ("COUNTERS", "WRITES")


def all_at_once(work: Callable[[int], object], threads: int = THREADS) -> list[object]:
    """Do the work in many threads that start together; raise what any of them raised."""
    together = threading.Barrier(threads)

    def start(number: int) -> object:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(start, range(threads)))


def test_threads_write_and_read_beside_each_other(sqlite_table: SqliteTable) -> None:
    def work(number: int) -> None:
        pk = f"THREAD#{number}"
        for n in range(50):
            sqlite_table.write(Update(COUNTER, add={"n": 1}), Put({"PK": pk, "SK": f"{n:03}"}))
            assert len(sqlite_table.query(pk).items) == n + 1

    all_at_once(work)

    assert sqlite_table.get(COUNTER) == {"PK": "COUNTERS", "SK": "WRITES", "n": THREADS * 50}


def test_a_file_may_be_opened_twice_in_one_process(sqlite_table: SqliteTable) -> None:
    # Given a second table on the file, whose writers don't queue with those of the first
    second = SqliteTable(sqlite_table.path)
    tables = [sqlite_table, second]

    def work(number: int) -> None:
        for _ in range(50):
            tables[number % 2].write(Update(COUNTER, add={"n": 1}))

    # When threads write to both
    all_at_once(work)

    # Then every write counts
    assert sqlite_table.get(COUNTER) == {"PK": "COUNTERS", "SK": "WRITES", "n": THREADS * 50}
    second.close()


def test_partitions_are_read_whole_beside_writers(sqlite_table: SqliteTable) -> None:
    # Given a hundred partitions, each rewritten as a whole all the time
    pks = [f"RUN#{n}" for n in range(100)]
    stop = threading.Event()

    def rewrite() -> None:
        n = 0
        while not stop.is_set():
            for pk in pks:
                sqlite_table.write(*(Put({"PK": pk, "SK": str(sk), "n": n}) for sk in range(5)))
            n += 1

    sqlite_table.bulk(Put({"PK": pk, "SK": str(sk), "n": -1}) for pk in pks for sk in range(5))
    writer = threading.Thread(target=rewrite)
    writer.start()

    # When they are read together
    try:
        reads = [sqlite_table.partitions(pks) for _ in range(20)]
    finally:
        stop.set()
        writer.join()

    # Then each is there in order, and none is a mix of two writes
    for found in reads:
        assert list(found) == pks
        for items in found.values():
            assert [item["SK"] for item in items] == list("01234")
            assert len({item["n"] for item in items}) == 1


def test_closing_beside_readers_breaks_none(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "table.ddb")
    table.create()
    table.bulk(Put({"PK": "A", "SK": f"{n:04}"}) for n in range(2000))
    reading = threading.Event()

    def read() -> int:
        reading.set()
        return sum(len(items) for items in table.partitions(["A", *map(str, range(100))]).values())

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(read)
        reading.wait()
        table.close()

    assert found.exception() is not None or found.result() == 2000
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith("-wal")]


def test_a_writer_that_holds_on_for_too_long_is_a_conflict(
    sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given another program that keeps the file locked
    monkeypatch.setattr(sqlite_transactions, "BUSY_SECONDS", 0.2)
    holder = sqlite3.connect(sqlite_table.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    # When a write has waited as long as it may
    with pytest.raises(TransactionConflict, match="stayed locked"):
        sqlite_table.write(Put({"PK": "A", "SK": "1"}))

    # Then it has failed, reads go on, and so do writes once the lock is gone
    assert sqlite_table.get(("A", "1")) is None
    holder.execute("ROLLBACK")
    holder.close()
    sqlite_table.write(Put({"PK": "A", "SK": "1"}))
    assert sqlite_table.get(("A", "1")) is not None


def test_write_of_another_thread_raises_while_an_observer_stays_in_its_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a thread whose observer stays within its write
    monkeypatch.setattr(sqlite_transactions, "BUSY_SECONDS", 0.2)
    within, go_on = threading.Event(), threading.Event()

    def stay(table: object, events: object) -> None:
        within.set()
        assert go_on.wait(30)

    table = SqliteTable(tmp_path / "table.ddb", observer=stay)
    table.create()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(table.write, Put({"PK": "A", "SK": "1"}))
        assert within.wait(30)

        # When another thread has waited as long as it may
        second = pool.submit(table.write, Put({"PK": "A", "SK": "2"}))
        try:
            with pytest.raises(TransactionConflict, match="other threads"):
                second.result(timeout=10)
        finally:
            go_on.set()

        # Then its write has failed, and the first one's is done
        first.result(timeout=30)
    assert [item["SK"] for item in table.query("A").items] == ["1"]
    table.close()


def test_the_log_stays_small_while_there_is_always_a_reader(
    sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given readers that take turns, so that there is never none
    most = 1024 * 1024
    monkeypatch.setattr(sqlite_schema, "MAX_LOG_BYTES", most)
    monkeypatch.setattr(sqlite_transactions, "_WRITES_BETWEEN_TRIMS", 16)
    turns = [threading.Semaphore(1), threading.Semaphore(0)]
    stop = threading.Event()
    log = sqlite_table.path.with_name(sqlite_table.path.name + "-wal")

    def read_in_turns(number: int) -> None:
        connection = sqlite3.connect(sqlite_table.path, isolation_level=None)
        while not stop.is_set():
            turns[number].acquire()
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM items").fetchone()
            turns[1 - number].release()  # the other begins before this one ends
            stop.wait(0.002)
            connection.execute("COMMIT")
        turns[1 - number].release()
        connection.close()

    readers = [threading.Thread(target=read_in_turns, args=(number,)) for number in (0, 1)]
    for reader in readers:
        reader.start()

    # When many megabytes are written
    try:
        largest = 0
        for n in range(640):
            sqlite_table.write(
                Put({"PK": "A", "SK": str(n % 10), "blob": bytes([n % 256]) * 20_000})
            )
            largest = max(largest, log.stat().st_size)
    finally:
        stop.set()
        for reader in readers:
            reader.join()

    # Then the log has never held half of them, however slow the readers were
    assert largest < 8 * most
