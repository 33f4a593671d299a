"""Several processes on one embedded file."""

from __future__ import annotations

import os
import random
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.schema import Durability
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put

from tests.table.sqlite_children import (
    COUNTER,
    create_and_put,
    spawned,
    write_and_acknowledge,
    write_and_read,
)

HAMMER_SECONDS = float(os.environ.get("HAMMER_SECONDS", "20"))
_ANSWER_SECONDS = 60


def numbers(table: SqliteTable, pk: str) -> list[int]:
    return [item["n"] for item in table.query_all(pk)]


def assert_sound(path: Path) -> None:
    """SQLite itself finds the file, its trees and its indexes in order."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.e2e
def test_two_processes_write_without_a_pause_and_lose_nothing(sqlite_table: SqliteTable) -> None:
    # Given two processes on one file
    path = sqlite_table.path
    children = {name: spawned(write_and_read, path, name, HAMMER_SECONDS) for name in ("a", "b")}
    for _, pipe in children.values():
        assert pipe.recv() == "ready"

    # When both write and read it all the time
    for _, pipe in children.values():
        pipe.send("go")
    answers = {}
    for name, (child, pipe) in children.items():
        assert pipe.poll(HAMMER_SECONDS + _ANSWER_SECONDS)
        answers[name] = pipe.recv()
        child.join()

    # Then neither met an error, and every write is there, once
    for name, (written, errors) in answers.items():
        assert errors == []
        assert written > 0
        assert numbers(sqlite_table, name) == list(range(written))
    counter = sqlite_table.get(COUNTER)
    assert counter is not None
    assert counter["n"] == sum(written for written, _ in answers.values())
    assert_sound(path)


@pytest.mark.parametrize("durability", ["full", "process"])
def test_what_was_acknowledged_survives_a_kill(
    sqlite_table: SqliteTable, durability: Durability
) -> None:
    rounds = 4
    acknowledged: dict[str, int] = {}

    # Given writers that are killed in the middle of their writes
    for number in range(rounds):
        name = f"writer {number}"
        child, pipe = spawned(write_and_acknowledge, sqlite_table.path, name, durability)
        enough = random.randrange(20, 400)
        while pipe.recv() < enough:
            pass
        child.kill()
        child.join()
        acknowledged[name] = _last_sent(pipe, enough)

    # Then all that they had acknowledged is there, and at most the one write on its way beside it
    found = {name: numbers(sqlite_table, name) for name in acknowledged}
    for name, last in acknowledged.items():
        assert found[name] in (list(range(last + 1)), list(range(last + 2)))

    # And no write is there by half
    counter = sqlite_table.get(COUNTER)
    assert counter is not None
    assert counter["n"] == sum(map(len, found.values()))
    assert_sound(sqlite_table.path)


def _last_sent(pipe: Connection, last: int) -> int:
    try:
        while True:
            last = pipe.recv()
    except (EOFError, ConnectionResetError):
        return last


def test_processes_may_create_a_table_at_the_same_moment(tmp_path: Path) -> None:
    # Given processes that wait for the word
    path = tmp_path / "table.ddb"
    children = [spawned(create_and_put, path, str(number)) for number in range(6)]
    for _, pipe in children:
        assert pipe.recv() == "ready"

    # When all of them create the same table and write to it at once
    for _, pipe in children:
        pipe.send("go")

    # Then none fails, and it is one table that holds what each wrote
    for child, pipe in children:
        assert pipe.poll(_ANSWER_SECONDS)
        assert pipe.recv() is None
        child.join()
    table = SqliteTable(path)
    assert [item["SK"] for item in table.query("CREATED").items] == list("012345")
    table.close()


def test_a_write_of_another_process_is_seen_at_once(tmp_path: Path) -> None:
    # Given an open table in this process
    path = tmp_path / "table.ddb"
    table = SqliteTable(path)
    table.create()
    table.write(Put({"PK": "CREATED", "SK": "here"}))

    # When another process writes to it
    child, pipe = spawned(create_and_put, path, "there")
    assert pipe.recv() == "ready"
    pipe.send("go")
    assert pipe.recv() is None
    child.join()

    # Then this one reads it
    assert table.get(("CREATED", "there")) is not None
    table.close()
