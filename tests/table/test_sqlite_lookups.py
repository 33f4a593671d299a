"""Many items of the embedded file are read by their keys as each alone is."""

from __future__ import annotations

from itertools import product

import pytest
from dynamodbstore_events.keys import Key
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Put

PARTS = ["a", "A", "é", "🚀", 'with "quotes"', "a\0b", "a\0", "\n"]
KEYS: list[Key] = [*product(PARTS, PARTS), *(("many", f"{n:04}") for n in range(1200))]


@pytest.fixture
def filled(sqlite_table: SqliteTable) -> SqliteTable:
    sqlite_table.bulk(Put({"PK": pk, "SK": sk, "b": b"\0", "n": 2**70}) for pk, sk in KEYS[::2])
    return sqlite_table


@pytest.mark.parametrize(
    "keys",
    [
        KEYS,
        [key for key in KEYS if key[0] == "many"],
        [key for key in KEYS if key[1] == "a\0b"],
        list(product(PARTS, ["a"])),
        list(product(["a\0"], PARTS)),
        [],
    ],
    ids=["all", "one partition", "one sort key", "U+0000", "within U+0000", "none"],
)
def test_keys_together_find_what_each_alone_finds(filled: SqliteTable, keys: list[Key]) -> None:
    alone = {key: item for key in keys if (item := filled.get(key)) is not None}

    together = filled.batch_get(keys)

    assert together == alone
    assert list(together) == list(alone)


def test_partitions_with_odd_names_are_read_together(filled: SqliteTable) -> None:
    found = filled.partitions(PARTS)

    assert found == {pk: filled.query(pk).items for pk in PARTS}
    assert all(found.values())


def test_an_index_lists_odd_partition_keys(sqlite_table: SqliteTable) -> None:
    items = [{"PK": pk, "SK": "1", "gsi1pk": "g", "gsi1sk": str(n)} for n, pk in enumerate(PARTS)]
    sqlite_table.write(*map(Put, items))

    assert sqlite_table.query("g", index="GSI1", limit=100).items == items


def test_keys_that_are_not_unicode_are_refused(filled: SqliteTable) -> None:
    with pytest.raises(InvalidOps):
        filled.batch_get([("a", "1"), ("\ud800", "1")])
