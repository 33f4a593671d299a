"""The embedded engine's own way with advances leaves what the updates that they stand for do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed, InvalidOps, ItemTooLarge, TableError
from dynamodbstore_table.port import Advances, Item, Put, Table
from hypothesis import example, given, settings
from hypothesis import strategies as st

KEYS = ["a", "b", "é", "🚀", 'with "quotes"', "a\0b", "a\0", "\n"]
VALUES = ["x", "", "é", "a\0b", '"', "\x7fbAAAA"]

marks = st.binary(max_size=3)
lists = st.lists(st.sampled_from(VALUES), max_size=4)
attributes = st.fixed_dictionaries(
    {"top": marks},
    optional={
        "list": lists | st.just([b"\0"]) | st.just("t") | st.just({"a": 1}),
        "old": st.booleans() | st.binary(max_size=2),
        "once": st.integers(5, 9) | st.binary(max_size=2),
        "more": st.binary(max_size=2) | st.just(2**70) | st.just(["\x7fb"]),
        "ttl": st.sampled_from([1, 2**40]),
    },
) | st.fixed_dictionaries({}, optional={"top": st.just("text") | st.none(), "list": lists})


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqliteTable, SqliteTable]]:
    made = tmp_path_factory.mktemp("advances")
    with (
        closing(SqliteTable(made / "1.ddb", durability="process")) as one,
        closing(SqliteTable(made / "2.ddb", durability="process")) as other,
    ):
        one.create()
        other.create()
        yield one, other


partitions = iter(range(10**9))


@example({"a": {"top": b"", "list": {"a": 1}}}, [("a", b"\1", "x")], False)
@example({"a": {"top": b"", "list": "t"}}, [("a", b"\1", "x")], False)
@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(KEYS), attributes),
    st.lists(
        st.tuples(st.sampled_from(KEYS), marks, st.sampled_from(VALUES)), unique_by=lambda t: t[0]
    ),
    st.booleans(),
)
def test_advances_leave_the_same_rows_and_errors_as_updates(
    pair: tuple[SqliteTable, SqliteTable],
    before: dict[str, dict[str, Any]],
    rows: list[tuple[str, bytes, str]],
    together: bool,
) -> None:
    pk = f"p{next(partitions)}"
    for table in pair:
        table.bulk(Put({"PK": pk, "SK": sk, **item}) for sk, item in before.items())
    sks, tops, values = [list(c) for c in zip(*rows, strict=True)] if rows else [[], [], []]
    ops = Advances(pk, sks, "top", tops, "list", values, 3, "old", "once", [7] * len(sks))

    one, other = pair
    if together:
        raised = _error(lambda: one.write(ops))
        expected = _error(lambda: other.write(*ops))
    else:
        raised = _error(lambda: one.bulk(ops))
        expected = _error(lambda: other.bulk(list(ops)))

    # Of two errors in one write, either may be raised.
    assert raised == expected or (together and raised and expected)
    assert _rows(one.path, pk) == _rows(other.path, pk)


def _error(work: Any) -> tuple[type, object] | None:
    try:
        work()
    except ConditionFailed as failed:
        return ConditionFailed, failed.failures
    except TableError as error:
        return type(error), None
    return None


def _rows(path: Path, pk: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM items WHERE pk = ? ORDER BY sk", (pk,)).fetchall()


def _full(size: int) -> Item:
    return {"PK": "p", "SK": "1", "top": b"\1", "list": ["v" * size]}


def test_an_item_that_would_grow_too_large_is_refused(sqlite_table: SqliteTable) -> None:
    sqlite_table.write(Put(_full(400_000)))
    ops = Advances(
        "p", ["0", "1"], "top", [b"\2"] * 2, "list", ["v" * 20_000] * 2, 3, "old", "once", [7, 7]
    )

    with pytest.raises(ItemTooLarge):
        sqlite_table.bulk(ops)

    assert sqlite_table.query("p").items == [_full(400_000)]


def test_a_large_item_may_grow_to_the_limit(sqlite_table: SqliteTable) -> None:
    sqlite_table.write(Put(_full(300_000)))
    ops = Advances(
        "p", ["0", "1"], "top", [b"\2"] * 2, "list", ["v" * 20_000] * 2, 3, "old", "once", [7, 7]
    )

    sqlite_table.bulk(ops)

    assert [len(item["list"]) for item in sqlite_table.query("p").items] == [1, 2]


def test_a_value_that_is_not_unicode_undoes_all_of_them(sqlite_table: SqliteTable) -> None:
    ops = Advances(
        "p", ["0", "1"], "top", [b"\2"] * 2, "list", ["v", "\ud800"], 3, "old", "once", [7, 7]
    )

    with pytest.raises(InvalidOps):
        sqlite_table.bulk(ops)

    assert sqlite_table.query("p").items == []


def test_a_failure_within_another_write_leaves_none_of_them(tmp_path: Path) -> None:
    # Given an observer that goes on where a condition fails
    failed: list[ConditionFailed] = []
    ops = Advances("p", ["0", "1"], "top", [b"\2"] * 2, "list", ["v"] * 2, 3, "old", "once", [7, 7])

    def advance(table: Table, events: Sequence[ChangeEvent]) -> None:
        try:
            table.write(ops)
        except ConditionFailed as error:
            failed.append(error)

    table = SqliteTable(tmp_path / "table.ddb", observer=advance)
    table.create()

    # When one of the items that it writes may not move on
    before = {"PK": "p", "SK": "1", "top": b"\3", "list": ["x"]}
    table.write(Put(before))

    # Then the write is done, and nothing of the observer's
    assert [error.failures for error in failed] == [{1: before}]
    assert table.query("p").items == [before]
    table.close()
