"""Contract: what was put is what is read, one by one and in batches."""

from __future__ import annotations

from typing import Any

import pytest

from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Put, Table
from dynamodbstore_table.testing.contract.base import Contract, numbered

VALUES = {
    "text": "loss",
    "empty text": "",
    "unicode": "Überprüfung 損失",
    "emoji": "🚀👩‍🔬",
    "control characters": "a\0b\x01c\n\t\x7f",
    "quotes": '"it\'s" \\ %s {}',
    "zero": 0,
    "negative": -42,
    "38 digits": 10**38 - 1,
    "minus 38 digits": -(10**38) + 1,
    "64 bits": 2**64,
    "trailing zeros": 12 * 10**30,
    "bytes": b"\x00\xff\x7f",
    "empty bytes": b"",
    "true": True,
    "false": False,
    "null": None,
    "empty list": [],
    "empty dict": {},
    "nested": {"points": [[1, b"\x01", None], {"deep": {"er": ["", True, -(2**70)]}}], "x": ""},
}

TEXTS_FOR_KEYS = [
    "plain",
    "with space",
    "ключ/損失",
    "🚀",
    "a\0b",
    "\x01",
    "'\"\\%_*?",
    "line\nbreak",
    "\U0010ffff",
]


class ReadContract(Contract):
    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_a_value_comes_back_as_it_was(self, shared: Table, value: Any) -> None:
        key = ("value", "1")
        item = {"PK": "value", "SK": "1", "v": value, "list": [value], "dict": {"v": value}}

        shared.write(Put(item))

        assert_same(shared.get(key), item)
        assert_same(shared.batch_get([key])[key], item)
        assert_same(shared.query("value").items, [item])

    def test_an_attribute_may_have_any_name(self, table: Table) -> None:
        names = ["tag.mlflow.user", "with space", "損失", "🚀", "a#b", ":v", "size", "name", "0"]
        item = {"PK": "a", "SK": "1", **{name: name for name in names}}

        table.write(Put(item))

        assert table.get(("a", "1"), attributes=names) == {name: name for name in names}

    @pytest.mark.parametrize("text", TEXTS_FOR_KEYS)
    def test_a_key_may_hold_any_text(self, shared: Table, text: str) -> None:
        item = {"PK": text, "SK": text}

        shared.write(Put(item), Put({"PK": text, "SK": text + "!"}))

        assert shared.get((text, text)) == item
        assert shared.batch_get([(text, text)]) == {(text, text): item}
        assert shared.query(text, limit=1).items == [item]

    def test_a_missing_item_is_none(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1"}))

        assert table.get(("a", "2")) is None
        assert table.get(("b", "1")) is None

    def test_a_key_to_read_that_is_not_unicode_is_refused(self, table: Table) -> None:
        with pytest.raises(InvalidOps, match="not valid Unicode"):
            table.get(("a", "\ud800"))
        with pytest.raises(InvalidOps, match="not valid Unicode"):
            table.batch_get([("a", "1"), ("\udfff", "1")])
        with pytest.raises(InvalidOps, match="not valid Unicode"):
            table.query("\ud800")

    def test_an_eventually_consistent_get_reads_as_well(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1"}))

        assert table.get(("a", "1"), consistent=False) == {"PK": "a", "SK": "1"}

    def test_a_get_returns_only_the_attributes_that_are_wanted(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1", "x": 1, "y": 2, "ttl": 2**40}))

        assert table.get(("a", "1"), attributes=["y", "z"]) == {"y": 2}
        assert table.get(("a", "1"), attributes=["SK", "ttl"]) == {"SK": "1", "ttl": 2**40}

    def test_a_batch_get_finds_what_exists_of_hundreds_of_keys(self, table: Table) -> None:
        items = numbered("a", 230)
        table.bulk(map(Put, items))
        wanted = [("a", f"{n:05}") for n in range(260)]

        found = table.batch_get([*wanted, *wanted[:50], ("b", "00000")])

        assert found == {("a", item["SK"]): item for item in items}

    def test_a_batch_get_adds_the_key_to_the_attributes(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1", "x": 1, "y": 2}), Put({"PK": "a", "SK": "2"}))

        found = table.batch_get([("a", "1"), ("a", "2")], attributes=["x"])

        assert found == {
            ("a", "1"): {"PK": "a", "SK": "1", "x": 1},
            ("a", "2"): {"PK": "a", "SK": "2"},
        }

    def test_a_batch_get_of_nothing_is_empty(self, table: Table) -> None:
        assert table.batch_get([]) == {}

    def test_a_batch_get_may_answer_with_many_megabytes(self, table: Table) -> None:
        items = numbered("a", 60, blob=b"x" * 300_000)
        table.bulk(map(Put, items))

        found = table.batch_get(("a", item["SK"]) for item in items)

        assert len(found) == 60

    def test_a_table_that_was_created_exists(self, table: Table) -> None:
        assert table.exists()

    def test_creating_the_table_again_keeps_its_items(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1"}))

        table.create()

        assert table.get(("a", "1")) == {"PK": "a", "SK": "1"}


def assert_same(found: Any, expected: Any) -> None:
    """Equal in value and in type: True is not 1."""
    assert found == expected
    assert _types(found) == _types(expected)


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_types(inner) for inner in value]
    return type(value)
