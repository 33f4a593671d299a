"""A file that is moved, deleted, replaced, overwritten or cut short while a table has it open."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_table.embedded import identity
from dynamodbstore_table.embedded.identity import FileChanged
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Put, Table

from tests.table.sqlite_children import cut_short_and_read, spawned

FIRST = {"PK": "A", "SK": "first"}
SECOND = {"PK": "A", "SK": "second"}
THIRD = {"PK": "A", "SK": "third"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the table's file alone."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def table(folder: Path) -> Iterator[SqliteTable]:
    """A table with one item, which has been read and written."""
    table = new_table(folder / "table.ddb")
    table.write(Put(FIRST))
    assert table.get(("A", "first")) == FIRST
    yield table
    table.close()


@pytest.fixture
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every read looks at the file."""
    monkeypatch.setattr(identity, "SECONDS_BETWEEN_LOOKS", 0.0)


def new_table(path: Path) -> SqliteTable:
    table = SqliteTable(path)
    table.create()
    return table


def moved(path: Path, to: Path) -> None:
    """Move a file with its log and its shared memory."""
    for end in ("", "-wal", "-shm"):
        source = path.with_name(path.name + end)
        if source.exists():
            source.rename(to.with_name(to.name + end))


def backed_up(path: Path, to: Path) -> Path:
    """A consistent copy of a file that is in use."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)
    return to


def keys_in(path: Path) -> list[str]:
    table = SqliteTable(path)
    try:
        return [item["SK"] for item in table.query("A").items]
    finally:
        table.close()


# Moved and deleted


def test_write_refuses_when_the_file_was_moved(table: SqliteTable, tmp_path: Path) -> None:
    moved(table.path, tmp_path / "elsewhere.ddb")

    with pytest.raises(FileChanged, match=r"table\.ddb was moved or deleted.*put it back"):
        table.write(Put(SECOND))

    # And goes on refusing, without making a file
    with pytest.raises(FileChanged, match="put it back"):
        table.write(Put(SECOND))
    with pytest.raises(FileChanged, match="put it back"):
        table.get(("A", "first"))
    assert list(table.path.parent.iterdir()) == []
    assert keys_in(tmp_path / "elsewhere.ddb") == ["first"]


def test_write_goes_on_when_the_moved_file_is_put_back(table: SqliteTable, tmp_path: Path) -> None:
    moved(table.path, tmp_path / "elsewhere.ddb")
    with pytest.raises(FileChanged):
        table.write(Put(SECOND))

    moved(tmp_path / "elsewhere.ddb", table.path)
    table.write(Put(SECOND))

    assert keys_in(table.path) == ["first", "second"]


def test_write_goes_on_when_the_file_was_away_without_its_log(
    table: SqliteTable, tmp_path: Path
) -> None:
    table.path.rename(tmp_path / "elsewhere.ddb")
    with pytest.raises(FileChanged):
        table.write(Put(SECOND))

    (tmp_path / "elsewhere.ddb").rename(table.path)
    table.write(Put(SECOND))

    assert keys_in(table.path) == ["first", "second"]


def test_write_refuses_when_the_file_was_deleted(table: SqliteTable) -> None:
    for path in table.path.parent.iterdir():
        path.unlink()

    with pytest.raises(FileChanged, match="moved or deleted"):
        table.write(Put(SECOND))
    assert not table.exists()
    assert not table.path.exists()


def test_write_refuses_when_the_directory_was_renamed(table: SqliteTable, tmp_path: Path) -> None:
    table.path.parent.rename(tmp_path / "archive")

    with pytest.raises(FileChanged, match="moved or deleted"):
        table.write(Put(SECOND))
    assert keys_in(tmp_path / "archive" / table.path.name) == ["first"]


@pytest.mark.parametrize("change", ["bulk", "sweep", "observer"])
def test_every_kind_of_write_refuses(folder: Path, tmp_path: Path, change: str) -> None:
    # Given a table with an observer that writes, and something that has expired
    def observe(table: Table, events: list[ChangeEvent]) -> None:
        table.write(Put({"PK": "O", "SK": events[0].sk}))

    table = SqliteTable(
        folder / "table.ddb",
        observer=observe if change == "observer" else None,  # type: ignore[arg-type]
    )
    table.create()
    table.write(Put({**FIRST, "ttl": 1}))
    moved(table.path, tmp_path / "elsewhere.ddb")

    writes: dict[str, Callable[[], object]] = {
        "bulk": lambda: table.bulk([Put(SECOND)]),
        "sweep": table.sweep_expired,
        "observer": lambda: table.write(Put(SECOND)),
    }
    with pytest.raises(FileChanged):
        writes[change]()
    with closing(sqlite3.connect(tmp_path / "elsewhere.ddb")) as elsewhere:
        assert elsewhere.execute("SELECT sk FROM items WHERE pk = 'A'").fetchall() == [("first",)]
    table.close()


@pytest.mark.usefixtures("looks_at_once")
def test_get_refuses_when_the_file_was_moved(table: SqliteTable, tmp_path: Path) -> None:
    moved(table.path, tmp_path / "elsewhere.ddb")

    with pytest.raises(FileChanged, match="moved or deleted"):
        table.get(("A", "first"))


def test_get_looks_at_the_file_once_a_second(
    table: SqliteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [identity.time.monotonic()]
    monkeypatch.setattr(identity.time, "monotonic", lambda: now[0])
    table.get(("A", "first"))
    moved(table.path, tmp_path / "elsewhere.ddb")

    now[0] += 2
    with pytest.raises(FileChanged):
        table.get(("A", "first"))


# Replaced


def test_write_refuses_once_when_another_file_took_the_place(
    table: SqliteTable, tmp_path: Path
) -> None:
    # Given a backup that is restored under a running table
    backup = backed_up(table.path, tmp_path / "backup.ddb")
    table.write(Put(SECOND))
    backup.rename(table.path)
    before = table.incarnation

    # When it writes
    with pytest.raises(FileChanged, match="another file was put in the place"):
        table.write(Put(THIRD))

    # Then the next write goes to the backup, into which nothing is mixed of the file before
    assert table.incarnation > before
    table.write(Put(THIRD))
    assert [item["SK"] for item in table.query("A").items] == ["first", "third"]
    assert keys_in(table.path) == ["first", "third"]
    with closing(sqlite3.connect(table.path)) as restored:
        assert restored.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_log_of_a_replaced_file_is_set_aside(table: SqliteTable, tmp_path: Path) -> None:
    backup = backed_up(table.path, tmp_path / "backup.ddb")
    table.write(Put(SECOND))
    log = table.path.with_name("table.ddb-wal").read_bytes()
    backup.rename(table.path)
    with pytest.raises(FileChanged):
        table.write(Put(THIRD))

    table.write(Put(THIRD))

    assert table.path.with_name("table.ddb-wal.set-aside").read_bytes() == log


def test_write_refuses_when_another_directory_took_the_place(
    table: SqliteTable, tmp_path: Path
) -> None:
    table.path.parent.rename(tmp_path / "archive")
    table.path.parent.mkdir()
    other = new_table(table.path)
    other.write(Put(SECOND))

    with pytest.raises(FileChanged, match="another file"):
        table.write(Put(THIRD))
    table.write(Put(THIRD))

    assert keys_in(table.path) == ["second", "third"]
    assert keys_in(tmp_path / "archive" / table.path.name) == ["first"]
    other.close()


def test_no_acknowledged_write_of_many_threads_is_lost(folder: Path, tmp_path: Path) -> None:
    # Given threads that write while their file is moved and another made in its place
    table = new_table(folder / "table.ddb")
    acknowledged: set[str] = set()
    stop = threading.Event()

    def work(name: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            key = f"{name}-{number}"
            try:
                table.write(Put({"PK": "A", "SK": key}))
            except TableError:
                continue
            acknowledged.add(key)
            table.get(("A", key))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    stop.wait(0.15)
    moved(table.path, tmp_path / "old.ddb")
    new_table(table.path).close()
    stop.wait(0.15)
    stop.set()
    for thread in threads:
        thread.join()
    table.close()

    # Then each write that was acknowledged is in one of the two
    old, new = set(keys_in(tmp_path / "old.ddb")), set(keys_in(table.path))
    assert old | new >= acknowledged
    assert old
    assert new


# Overwritten and cut short


def put_many(table: SqliteTable, first: int, last: int) -> None:
    table.bulk(Put({"PK": "A", "SK": f"{n:05}", "x": "x" * 500}) for n in range(first, last))


def filled(table: SqliteTable, first: int, last: int) -> None:
    put_many(table, first, last)
    with closing(sqlite3.connect(table.path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def test_a_table_refuses_when_a_backup_was_copied_over_its_file(
    table: SqliteTable, tmp_path: Path
) -> None:
    filled(table, 0, 200)
    backup = backed_up(table.path, tmp_path / "backup.ddb")
    for first in range(200, 8000, 1000):
        put_many(table, first, first + 1000)

    shutil.copyfile(backup, table.path)

    for use in (lambda: table.write(Put(SECOND)), lambda: table.get(("A", "00700"))):
        with pytest.raises(FileChanged, match=r"overwritten or cut short.*stop every server"):
            use()
    # And the backup that is put there as the message describes is used
    table.path.unlink()
    backup.rename(table.path)
    assert table.get(("A", "00100")) is not None
    assert table.get(("A", "00700")) is None


def test_a_process_survives_that_its_file_is_cut_short(tmp_path: Path) -> None:
    child, pipe = spawned(cut_short_and_read, tmp_path / "table.ddb")
    kinds = pipe.recv()
    child.join()

    assert child.exitcode == 0
    assert kinds == ["FileChanged", "FileChanged"]


def test_a_file_that_vacuum_made_shorter_is_not_refused(table: SqliteTable) -> None:
    filled(table, 0, 800)
    with closing(sqlite3.connect(table.path)) as other:
        other.execute("DELETE FROM items WHERE sk > '00010' AND sk < 'a'")
        other.commit()
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    table.write(Put(SECOND))

    assert table.get(("A", "second")) == SECOND


@pytest.mark.usefixtures("looks_at_once")
def test_what_is_in_a_log_that_was_removed_is_kept(table: SqliteTable) -> None:
    table.path.with_name("table.ddb-wal").unlink()

    with pytest.raises(FileChanged, match="-wal was removed or replaced"):
        table.get(("A", "first"))

    table.write(Put(SECOND))
    assert keys_in(table.path) == ["first", "second"]


@pytest.mark.usefixtures("looks_at_once")
def test_connections_that_come_and_go_are_no_change(table: SqliteTable) -> None:
    # Given a log that is removed and made anew, as the last connection closes and another opens
    for number in range(3):
        table._transactions._pool._close_idle()
        assert not table.path.with_name("table.ddb-wal").exists()

        table.write(Put({"PK": "A", "SK": f"again {number}"}))
        assert table.get(("A", "first")) == FIRST


def test_the_file_is_not_mapped_into_memory(table: SqliteTable) -> None:
    assert table._transactions.read(lambda c: c.execute("PRAGMA mmap_size").fetchall()) in (
        [],
        [(0,)],
    )
    if os.path.exists("/proc/self/maps"):
        maps = Path("/proc/self/maps").read_text()
        assert f"{table.path}\n" not in maps
