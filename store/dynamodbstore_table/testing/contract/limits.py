"""Contract: what an engine refuses, all the same, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from dynamodbstore_table.conditions import ITEM_EXISTS, Both, Condition, Not, OneOf
from dynamodbstore_table.errors import InvalidOps, ItemTooLarge
from dynamodbstore_table.port import MAX_ITEM_BYTES, Check, Delete, Op, Put, Table, Update
from dynamodbstore_table.testing.contract.base import Contract, numbered

KEY = ("r", "1")
ITEM = {"PK": "r", "SK": "1"}
# "PK" + "r" + "SK" + "1" + "v" leave this many bytes for the value of v.
LARGEST_VALUE = MAX_ITEM_BYTES - 7


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _negated(depth: int) -> Condition:
    condition: Condition = ITEM_EXISTS
    for _ in range(depth):
        condition = Not(Both((condition, condition)))
    return condition


BAD_VALUES = {
    "a float": 1.0,
    "nan": float("nan"),
    "a float in a list": [1, 2.5],
    "a float in a dict": {"deep": {"er": 0.5}},
    "a set": {1},
    "a tuple": (1,),
    "an object": object(),
    "a 39-digit number": 10**38,
    "a negative 39-digit number": -(10**38),
    "a lone surrogate": "\ud800",
    "a dict with a number for a key": {1: 2},
    "33 lists in each other": _nested(33),
}

BAD_OPS: dict[str, Op] = {
    "no PK": Put({"SK": "1"}),
    "no SK": Put({"PK": "a"}),
    "empty PK": Put({"PK": "", "SK": "1"}),
    "empty SK": Delete(("a", "")),
    "a number for a PK": Put({"PK": 1, "SK": "1"}),
    "bytes for an SK": Update(("a", b"1"), set={"x": 1}),  # type: ignore[arg-type]
    "too long a PK": Put({"PK": "p" * 2049, "SK": "1"}),
    "too long an SK": Check(("a", "é" * 513), ITEM_EXISTS),
    "a lone surrogate in a key": Delete(("a", "\udfff")),
    "empty gsi1pk": Put({**ITEM, "gsi1pk": "", "gsi1sk": "1"}),
    "a number for a gsi2sk": Update(KEY, set={"gsi2pk": "a", "gsi2sk": 1}),
    "too long a gsi1sk": Put({**ITEM, "gsi1pk": "a", "gsi1sk": "s" * 1025}),
    "text for a ttl": Put({**ITEM, "ttl": "tomorrow"}),
    "true for a ttl": Update(KEY, set={"ttl": True}),
    "an update of the PK": Update(KEY, set={"PK": "b"}),
    "an update that removes the SK": Update(KEY, remove=("SK",)),
    "an update of one attribute twice": Update(KEY, set={"x": 1}, remove=("x",)),
    "an update of nothing": Update(KEY, condition=ITEM_EXISTS),
    "an update of 500 attributes": Update(KEY, set={f"a{n}": n for n in range(500)}),
    "an add of text": Update(KEY, add={"n": "1"}),  # type: ignore[dict-item]
    "an add of true": Update(KEY, add={"n": True}),
    "a default of what is set": Update(KEY, set={"x": 1}, default={"x": 1}),
    "a default that no item can hold": Update(KEY, default={"x": 1.5}),
    "an append of a number": Update(KEY, append={"l": 1}),  # type: ignore[dict-item]
    "one of 101 values": Put(ITEM, OneOf("x", tuple(range(101)))),
    "a condition 40 deep": Put(ITEM, _negated(20)),
}


class LimitContract(Contract):
    def test_a_hundred_ops_are_one_write(self, table: Table) -> None:
        items = numbered("a", 100)

        events = table.write(*map(Put, items))

        assert len(events) == 100
        assert table.query("a").items == items

    def test_more_than_a_hundred_ops_are_refused(self, table: Table) -> None:
        with pytest.raises(InvalidOps, match="101"):
            table.write(*map(Put, numbered("a", 101)))

        assert table.query("a").items == []

    def test_a_write_of_nothing_is_refused(self, table: Table) -> None:
        with pytest.raises(InvalidOps):
            table.write()

    def test_a_key_twice_in_a_write_is_refused(self, table: Table) -> None:
        with pytest.raises(InvalidOps):
            table.write(Put({**ITEM, "x": 1}), Check(KEY, ITEM_EXISTS))

        assert table.get(KEY) is None

    @pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
    def test_a_value_that_no_item_can_hold_is_refused(self, shared: Table, value: Any) -> None:
        with pytest.raises(InvalidOps):
            shared.write(Put({**ITEM, "v": value}))
        with pytest.raises(InvalidOps):
            shared.write(Put({"PK": "r", "SK": "2"}), Update(KEY, set={"v": value}))
        with pytest.raises(InvalidOps):
            shared.bulk([Update(KEY, append={"v": [value]})])

        assert shared.query("r").items == []

    @pytest.mark.parametrize("op", BAD_OPS.values(), ids=BAD_OPS.keys())
    def test_an_op_that_breaks_a_rule_is_refused(self, shared: Table, op: Op) -> None:
        with pytest.raises(InvalidOps):
            shared.write(op)
        with pytest.raises(InvalidOps):
            shared.write(Put({"PK": "r", "SK": "2"}), op)

        assert shared.query("r").items == []

    def test_the_longest_keys_are_accepted(self, table: Table) -> None:
        key = ("p" * 2048, "é" * 512)

        table.write(Put({"PK": key[0], "SK": key[1], "gsi1pk": "g" * 2048, "gsi1sk": "s" * 1024}))

        assert table.get(key) is not None
        assert len(table.query("g" * 2048, index="GSI1").items) == 1

    @pytest.mark.parametrize("filler", ["x" * LARGEST_VALUE, b"x" * LARGEST_VALUE], ids=type)
    def test_an_item_of_400_kb_is_accepted(self, table: Table, filler: str | bytes) -> None:
        table.write(Put({**ITEM, "v": filler}))

        assert table.get(KEY) == {**ITEM, "v": filler}

    @pytest.mark.parametrize("filler", ["x" * (LARGEST_VALUE + 1), "é" * 204_798], ids=type)
    def test_a_larger_item_is_refused(self, table: Table, filler: str) -> None:
        with pytest.raises(ItemTooLarge):
            table.write(Put({**ITEM, "v": filler}))
        with pytest.raises(ItemTooLarge):
            table.write(Put({"PK": "b", "SK": "1"}), Put({**ITEM, "v": filler}))
        with pytest.raises(ItemTooLarge):
            table.bulk([Put({**ITEM, "v": filler})])

        assert table.scan().items == []

    def test_an_update_that_makes_an_item_too_large_is_refused(self, table: Table) -> None:
        table.write(Put({**ITEM, "v": "x" * 300_000, "l": []}))

        with pytest.raises(ItemTooLarge):
            table.write(Update(KEY, set={"w": "x" * 150_000}))
        with pytest.raises(ItemTooLarge):
            table.write(Update(KEY, append={"l": ["x" * 150_000]}), Put({"PK": "b", "SK": "1"}))

        assert table.scan().items == [{**ITEM, "v": "x" * 300_000, "l": []}]
