"""Which files the embedded engine takes, and the errors for those that it refuses."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.embedded import files as sqlite_files
from dynamodbstore_table.embedded.files import file_system, network_file_system
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import InvalidOps, TableMissing, TableUnavailable
from dynamodbstore_table.port import Put

from tests.table.sqlite_children import read_and_write_as_nobody, spawned


def test_a_table_that_was_not_created_is_missing(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "table.ddb")

    assert not table.exists()
    with pytest.raises(TableMissing, match=r"table\.ddb"):
        table.get(("A", "1"))
    with pytest.raises(TableMissing):
        table.write(Put({"PK": "A", "SK": "1"}))
    assert not table.path.exists()


def test_an_empty_file_becomes_a_table_when_it_is_created(tmp_path: Path) -> None:
    path = tmp_path / "table.ddb"
    path.touch()
    table = SqliteTable(path)
    assert not table.exists()

    table.create()

    assert table.exists()


def test_items_are_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    first = SqliteTable(tmp_path / "table.ddb")
    first.create()
    first.write(Put({"PK": "A", "SK": "1"}))
    first.close()

    second = SqliteTable(str(tmp_path / "table.ddb"))

    assert second.get(("A", "1")) == {"PK": "A", "SK": "1"}
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".ddb"] == ["table.ddb"]


@pytest.mark.parametrize("name", ["a b.ddb", "a%20b.ddb", "what?.ddb", "#1.ddb", "é漢😀.ddb"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    table = SqliteTable(tmp_path / name)
    table.create()
    table.write(Put({"PK": "A", "SK": "1"}))
    table.close()

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_relative_path_is_of_the_directory_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = SqliteTable("table.ddb")
    monkeypatch.chdir(tmp_path.parent)

    table.create()

    assert (tmp_path / "table.ddb").exists()


def test_a_missing_directory_is_named_and_not_made(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "no" / "table.ddb")

    with pytest.raises(TableUnavailable, match="no does not exist; create it"):
        table.create()
    assert not (tmp_path / "no").exists()


def test_a_directory_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableUnavailable, match="it is a directory"):
        SqliteTable(tmp_path).create()


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n" * 1000)
    table = SqliteTable(path)

    for use in (table.create, table.exists, lambda: table.get(("A", "1"))):
        with pytest.raises(TableUnavailable, match="not a database; name another path"):
            use()
    assert path.read_text() == "buy milk\n" * 1000


def test_the_database_of_another_program_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE runs (id TEXT)")
    other.close()
    before = path.read_bytes()
    table = SqliteTable(path)

    for use in (table.create, table.exists, lambda: table.get(("A", "1"))):
        with pytest.raises(TableUnavailable, match="of another program"):
            use()
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_refused(sqlite_table: SqliteTable) -> None:
    later = sqlite3.connect(sqlite_table.path)
    later.execute("PRAGMA user_version = 1000")
    later.close()
    table = SqliteTable(sqlite_table.path)

    with pytest.raises(TableUnavailable, match=r"newer version.*upgrade"):
        table.get(("A", "1"))


def test_query_raises_for_a_damaged_file(tmp_path: Path) -> None:
    # Given a table of some pages, and the file overwritten behind its first page
    table = SqliteTable(tmp_path / "table.ddb")
    table.create()
    table.bulk(Put({"PK": "A", "SK": f"{n:04}", "text": "x" * 500}) for n in range(500))
    table.close()
    with table.path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(table.path.stat().st_size - 8192))

    # When it is read
    damaged = SqliteTable(table.path)

    # Then the error names it
    with pytest.raises(TableUnavailable, match="the file is damaged"):
        damaged.query("A")


def test_get_raises_for_a_closed_table(sqlite_table: SqliteTable) -> None:
    sqlite_table.write(Put({"PK": "A", "SK": "1"}))
    sqlite_table.close()

    with pytest.raises(TableUnavailable, match="closed"):
        sqlite_table.get(("A", "1"))


def test_an_unknown_durability_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOps, match="'full' or 'process', not 'none'"):
        SqliteTable(tmp_path / "table.ddb", durability="none")  # type: ignore[arg-type]


# A file that this user may not write to


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("open_elsewhere", [False, True])
def test_write_raises_for_a_read_only_file(open_folder: Path, open_elsewhere: bool) -> None:
    # Given a table that belongs to somebody else, open there or not
    table = SqliteTable(open_folder / "table.ddb")
    table.create()
    table.write(Put({"PK": "A", "SK": "1"}))
    if not open_elsewhere:
        table.close()
    for path in open_folder.iterdir():
        path.chmod(0o444)
    open_folder.chmod(0o555)

    # When this user reads and writes
    child, pipe = spawned(read_and_write_as_nobody, table.path)
    read, written = pipe.recv(), pipe.recv()
    child.join()
    open_folder.chmod(0o755)

    # Then reading works where it can, and the error of a write names the cause
    assert read[0] == ("done" if open_elsewhere else "TableUnavailable")
    assert written[0] == "TableUnavailable"
    assert "must be" in written[1]
    assert "writable by this user" in written[1]
    table.close()


# File systems

LOCAL = "/dev/sda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n"


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("nfs4", "server:/export"),
        ("cifs", "//server/share"),
        ("smb3", "//server/share"),
        ("fuse.sshfs", "me@server:"),
        ("9p", "host"),
        ("lustre", "10.0.0.1@tcp:/fs"),
    ],
)
def test_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, source: str
) -> None:
    # Given a folder mounted from another machine
    mounts = tmp_path / "mounts"
    share = tmp_path / "share"
    share.mkdir()
    mounts.write_text(f"{LOCAL}{source} {share.resolve()} {kind} rw 0 0\n")
    monkeypatch.setattr(sqlite_files, "MOUNTS", mounts)

    # When a table is to live there
    table = SqliteTable(share / "table.ddb")

    # Then it is refused, with the reason and a way out
    with pytest.raises(TableUnavailable, match=rf"network file system \({kind}\).*local disk"):
        table.create()
    assert list(share.iterdir()) == []

    # And beside it, it is not
    SqliteTable(tmp_path / "table.ddb").create()


def test_an_existing_file_on_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SqliteTable(tmp_path / "table.ddb")
    table.create()
    mounts = tmp_path / "mounts"
    mounts.write_text(f"{LOCAL}server:/ {tmp_path.resolve()} nfs rw 0 0\n")
    monkeypatch.setattr(sqlite_files, "MOUNTS", mounts)

    with pytest.raises(TableUnavailable, match="network file system"):
        SqliteTable(table.path).get(("A", "1"))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/x.ddb", "ext4"),
        ("/tmp/x.ddb", "tmpfs"),
        ("/mnt/share/x.ddb", "nfs"),
        ("/mnt/share/local/x.ddb", "xfs"),
        ("/mnt/shared/x.ddb", "ext4"),
        ("/mnt/my disk/x.ddb", "cifs"),
        ("/mnt/twice/x.ddb", "nfs4"),
    ],
)
def test_the_longest_mount_point_counts_and_the_last_at_one_point(path: str, kind: str) -> None:
    mounts = (
        f"{LOCAL}"
        "server:/ /mnt/share nfs rw 0 0\n"
        "/dev/sdb1 /mnt/share/local xfs rw 0 0\n"
        "//server/disk /mnt/my\\040disk cifs rw 0 0\n"
        "systemd-1 /mnt/twice autofs rw 0 0\n"
        "server:/ /mnt/twice nfs4 rw 0 0\n"
    )

    assert file_system(Path(path), mounts) == kind


def test_a_system_that_does_not_tell_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_files, "MOUNTS", tmp_path / "none")

    assert network_file_system(tmp_path) is None
