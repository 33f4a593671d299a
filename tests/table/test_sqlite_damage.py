"""Values in the embedded file that nobody of ours has written, and disks that refuse."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from dynamodbstore_table.conditions import Compare
from dynamodbstore_table.embedded import failures, files
from dynamodbstore_table.embedded.files import Disk
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed, TableError, TableUnavailable
from dynamodbstore_table.joins import Having
from dynamodbstore_table.port import Advances, Delete, Put, Update

KEY = ("A", "1")
ITEM = {"PK": "A", "SK": "1", "n": 1, "gsi1pk": "L", "gsi1sk": "1"}

BODIES = {
    "not UTF-8": b'{"SK":"1","n":"\xff\xff"}',
    "not JSON": b"\x00\x01\x02",
    "cut off": b'{"SK":"1","n":1,"x":"ab',
    "empty": b"",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "text": b'"SK"',
    "nothing in it": b"{}",
    "bytes that are none": b'{"PK":"chunk","SK":"1","chunk":"A"}',
    "bytes that are missing": b'{"PK":"chunk","SK":"1"}',
    "an escape of nothing": b'{"PK":["x"],"SK":"1"}',
    "a number for escapes": b'{"PK":7,"SK":"1"}',
    "an escape without a kind": b'{"PK":["x"],"SK":"1","x":"\x7f"}',
    "a number that is none": b'{"PK":["x"],"SK":"1","x":["\x7fi12x"]}',
}


def advances() -> Advances:
    marks, values = [b"2", b"2"], ["v", "v"]
    return Advances("A", ["1", "2"], "chunk", marks, "values", values, 10, "drop", "once", [7, 7])


WORK: dict[str, Callable[[SqliteTable], object]] = {
    "get": lambda t: t.get(KEY),
    "get some": lambda t: t.get(KEY, attributes=["n"]),
    "batch_get": lambda t: t.batch_get([KEY]),
    "batch_get two": lambda t: t.batch_get([KEY, ("A", "2")]),
    "query": lambda t: t.query("A"),
    "query a page": lambda t: t.query("A", limit=2),
    "query with a filter": lambda t: t.query("A", limit=2, filter=Compare("n", ">", 0)),
    "query an index": lambda t: t.query("L", index="GSI1"),
    "query a page of an index": lambda t: t.query("L", index="GSI1", limit=2),
    "query having": lambda t: t.query_having("L", [Having("1", lambda item: True)], limit=2),
    "partitions": lambda t: t.partitions(["A"]),
    "partitions two": lambda t: t.partitions(["A", "B"]),
    "partitions many": lambda t: t.partitions(["A", *(f"B{n}" for n in range(100))]),
    "scan": lambda t: t.scan(),
    "put": lambda t: t.write(Put(ITEM, Compare("n", "=", 1))),
    "update": lambda t: t.write(Update(KEY, add={"n": 1})),
    "update two": lambda t: t.write(Update(KEY, add={"n": 1}), Update(("A", "2"), add={"n": 1})),
    "delete": lambda t: t.write(Delete(KEY, Compare("n", "=", 1))),
    "bulk": lambda t: t.bulk([Update(KEY, add={"n": 1})]),
    "advances": lambda t: t.bulk(advances()),
    "sweep": lambda t: t.sweep_expired(),
}


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "table.ddb", durability="process")
    table.create()
    table.write(Put(ITEM), Put({**ITEM, "SK": "2", "gsi1sk": "2"}), Put({"PK": "B", "SK": "1"}))
    yield table
    table.close()


def damage(table: SqliteTable, change: str, *values: object) -> None:
    """Change rows as no table does."""
    with closing(sqlite3.connect(table.path)) as other:
        other.execute(f"UPDATE items SET {change} WHERE pk = 'A' AND sk = '1'", values)
        other.commit()


def refusal(work: Callable[[], object]) -> str | None:
    """Why the table refuses the work; None where it does it."""
    try:
        work()
    except TableUnavailable as error:
        return str(error)
    return None


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_damaged_value_is_reported_as_a_damaged_file(table: SqliteTable, body: bytes) -> None:
    damage(table, "body = ?, ttl = 1", body)
    with pytest.raises(TableUnavailable, match="the file is damaged: restore it from a backup"):
        table.sweep_expired()
    damage(table, "ttl = NULL")

    answers = {name: refusal(partial(work, table)) for name, work in WORK.items()}

    # What SQLite skips is not read: what has not expired, and what fails a filter
    silent = {name for name, answer in answers.items() if answer is None}
    assert silent <= {"sweep", "query with a filter"}
    for answer in answers.values():
        if answer is not None:
            assert f"can't use {table.path}" in answer
            assert "the file is damaged: restore it from a backup" in answer


@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
@pytest.mark.parametrize(
    "change",
    ["body = '{}'", "body = 'no JSON'", "body = 7", "ttl = 'soon'", "sk = x'ff'", "gsi1sk = x'ff'"],
)
def test_columns_of_other_types_raise_nothing_but_errors_of_the_port(
    table: SqliteTable, change: str, work: Callable[[SqliteTable], object]
) -> None:
    damage(table, change)

    with suppress(TableUnavailable, ConditionFailed):
        work(table)


def test_what_is_not_damaged_is_read_and_written_beside_it(table: SqliteTable) -> None:
    damage(table, "body = ?", b"\xff")

    table.write(Update(("B", "1"), add={"n": 1}))

    assert table.get(("B", "1")) == {"PK": "B", "SK": "1", "n": 1}


# Disks


@contextmanager
def small_disk(at: Path, size: str, options: str = "") -> Iterator[None]:
    """A disk of this size mounted there."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "tmpfs", str(at)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("this needs to mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.mark.parametrize("size", ["4k", "8k", "24k", "40k", "64k"])
def test_create_names_the_full_disk(tmp_path: Path, size: str) -> None:
    with small_disk(tmp_path, size):
        with pytest.raises(TableUnavailable) as refused:
            SqliteTable(tmp_path / "table.ddb").create()

        assert f"mounted at {tmp_path}" in str(refused.value)
        assert "is full: free some space" in str(refused.value)


def test_write_names_the_full_disk_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path, "1m"):
        table = SqliteTable(tmp_path / "table.ddb")
        table.create()
        table.write(Put({"PK": "A", "SK": "1"}))
        ballast = tmp_path / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

        with pytest.raises(TableUnavailable, match="is full: free some space"):
            table.write(Put({"PK": "A", "SK": "2", "x": "x" * 100_000}))

        assert table.get(("A", "1")) is not None
        ballast.unlink()
        table.write(Put({"PK": "A", "SK": "2", "x": "x" * 100_000}))
        assert table.get(("A", "2")) is not None
        table.close()


def test_a_disk_that_is_mounted_read_only_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path, "1m"):
        table = SqliteTable(tmp_path / "table.ddb")
        table.create()
        table.close()
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)

        with pytest.raises(TableUnavailable, match="is mounted read-only: mount it writable"):
            SqliteTable(tmp_path / "table.ddb").write(Put({"PK": "A", "SK": "1"}))
        with pytest.raises(TableUnavailable, match="is mounted read-only: mount it writable"):
            SqliteTable(tmp_path / "other.ddb").create()


@pytest.mark.parametrize(
    ("error", "disk", "advice"),
    [
        (sqlite3.OperationalError("disk I/O error"), 10**9, "failed to read or write"),
        (sqlite3.OperationalError("disk I/O error"), 0, "is full: free some space"),
        (sqlite3.OperationalError("database or disk is full"), 10**9, "is full: free some space"),
        (sqlite3.OperationalError("unable to open database file"), 0, "is full"),
        (sqlite3.OperationalError("unable to open database file"), 10**9, "readable and writable"),
        (sqlite3.OperationalError("attempt to write a readonly database"), 10**9, "writable by"),
        (OSError(errno.EIO, "Input/output error"), 10**9, "failed to read or write"),
        (OSError(errno.ENOSPC, "No space left on device"), 0, "free some space"),
        (PermissionError(errno.EACCES, "Permission denied"), 10**9, "readable and writable"),
    ],
)
def test_describe_names_the_disk_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, disk: int, advice: str
) -> None:
    found = Disk(Path("/data"), "ext4", disk, free_files=True, read_only=False)
    monkeypatch.setattr(failures, "disk_of", lambda _: found)

    text = str(failures.describe(error, Path("/data/mlflow.ddb")))

    assert text.startswith("can't use /data/mlflow.ddb: ")
    assert advice in text
    if "writable" not in advice:
        assert "ext4 mounted at /data" in text


def test_disk_of_finds_the_disk_of_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    disk = files.disk_of(tmp_path / "table.ddb")

    assert disk is not None
    assert disk.free_bytes > 0
    assert not disk.read_only
    assert disk.mounted_at is None or tmp_path.resolve().is_relative_to(disk.mounted_at)


# Bytes that a disk has turned


def damaged_at_random(path: Path, seed: int) -> None:
    """Overwrite some places of a file, behind what names it as a table."""
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 3, 30, 300])):
        at = chance.randrange(100, len(content))
        size = chance.choice([1, 2, 8, 200])
        content[at : at + size] = chance.randbytes(size)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("seed", range(12))
def test_turned_bytes_raise_nothing_but_errors_of_the_port(tmp_path: Path, seed: int) -> None:
    work_on_turned_bytes(tmp_path / "table.ddb", seed)


@pytest.mark.slow
def test_turned_bytes_of_many_files_raise_nothing_but_errors_of_the_port(tmp_path: Path) -> None:
    for seed in range(12, 150):
        work_on_turned_bytes(tmp_path / f"{seed}.ddb", seed)


def work_on_turned_bytes(path: Path, seed: int) -> None:
    # Given a table of some pages, some bytes of which were turned
    table = SqliteTable(path, durability="process")
    table.create()
    table.bulk(
        Put({**ITEM, "SK": f"{n}", "gsi1sk": f"{n}", "x": "x" * (n % 700), "b": bytes([n % 256])})
        for n in range(60)
    )
    table.close()
    damaged_at_random(path, seed)

    # When it is used, then all that it raises is of the port
    for work in WORK.values():
        with suppress(TableError):
            work(table)
        table.close()
        table = SqliteTable(path, durability="process")
    table.close()
