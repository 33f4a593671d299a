"""What child processes do to an embedded file; spawned, so each starts from nothing."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dynamodbstore_table.conditions import ITEM_MISSING
from dynamodbstore_table.embedded.schema import Durability
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Put, Update, begins_with

COUNTER = ("COUNTERS", "WRITES")
LEFT, RIGHT = ("PAIR", "LEFT"), ("PAIR", "RIGHT")
NOBODY = 65534

_SPAWN = multiprocessing.get_context("spawn")


def spawned(work: Callable[..., None], path: Path, *more: Any) -> tuple[BaseProcess, Connection]:
    """Start ``work(path, *more, pipe)`` in a new process; return it and our end of the pipe."""
    ours, theirs = _SPAWN.Pipe()
    child = _SPAWN.Process(target=work, args=(path, *more, theirs), daemon=True)
    child.start()
    theirs.close()
    return child, ours


def write_and_read(path: Path, name: str, seconds: float, pipe: Connection) -> None:
    """Write and read without a pause; send how many writes were acknowledged, and every error."""
    table = SqliteTable(path)
    errors: list[str] = []
    written = 0
    pipe.send("ready")
    pipe.recv()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            table.write(
                Put({"PK": name, "SK": f"{written:08}", "n": written}, ITEM_MISSING),
                Update(COUNTER, add={"n": 1}),
                Update(LEFT, set={"by": name, "n": written}),
                Update(RIGHT, set={"by": name, "n": written}),
            )
            written += 1
            left, right = table.query("PAIR").items
            if (left["by"], left["n"]) != (right["by"], right["n"]):
                errors.append(f"half a write was seen: {left} {right}")
            if table.get((name, f"{written - 1:08}")) is None:
                errors.append(f"write {written - 1} is not there")
        except TableError as error:
            errors.append(repr(error))
    table.close()
    pipe.send((written, errors))


def write_and_acknowledge(path: Path, name: str, durability: Durability, pipe: Connection) -> None:
    """Write for ever; send the number of each write as soon as it is acknowledged."""
    table = SqliteTable(path, durability=durability)
    n = 0
    while True:
        table.write(Put({"PK": name, "SK": f"{n:08}", "n": n}), Update(COUNTER, add={"n": 1}))
        pipe.send(n)
        n += 1


def create_and_put(path: Path, name: str, pipe: Connection) -> None:
    """Wait for the word, create the table, and put one item into it; send what went wrong."""
    pipe.send("ready")
    pipe.recv()
    table = SqliteTable(path)
    try:
        table.create()
        table.write(Put({"PK": "CREATED", "SK": name}))
        pipe.send(None)
    except TableError as error:
        pipe.send(repr(error))
    finally:
        table.close()


def read_and_write_as_nobody(path: Path, pipe: Connection) -> None:
    """As a user who may not write to the file, send what a read and a write come to."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    table = SqliteTable(path)
    pipe.send(_outcome(lambda: table.query("A", sk=begins_with("")).items))
    pipe.send(_outcome(lambda: table.write(Put({"PK": "A", "SK": "2"}))))


def _outcome(work: Callable[[], object]) -> tuple[str, str]:
    try:
        return "done", str(work())
    except TableError as error:
        return type(error).__name__, str(error)


def cut_short_and_read(path: Path, pipe: Connection) -> None:
    """Fill a table over many pages, cut its file short, send what a read and a write come to."""
    table = SqliteTable(path)
    table.create()
    table.bulk(Put({"PK": "A", "SK": f"{n:05}", "x": "x" * 500}) for n in range(3000))
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    reader = SqliteTable(path)
    assert reader.get(("A", "00000")) is not None
    os.truncate(path, 40_000)
    reads = _outcome(lambda: list(reader.query_all("A")))
    writes = _outcome(lambda: table.write(Put({"PK": "A", "SK": "more"})))
    pipe.send([reads[0], writes[0]])
