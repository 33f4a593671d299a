"""Contract: a condition means the same as a condition and as a filter, on every engine."""

from __future__ import annotations

import pytest

from dynamodbstore_table.conditions import (
    ITEM_EXISTS,
    ITEM_MISSING,
    BeginsWith,
    Both,
    Compare,
    Condition,
    Contains,
    Either,
    Exists,
    IsMap,
    Length,
    Missing,
    Not,
    OneOf,
    Operator,
    Scalar,
    both,
    either,
    equals,
)
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Check, Item, Put, Table, Update
from dynamodbstore_table.testing.contract.base import Contract

KEYS = ("PK", "SK")
KEY = ("conditions", "1")
ITEM: Item = {
    "PK": "conditions",
    "SK": "1",
    "text": "loss",
    "empty": "",
    "number": 7,
    "bytes": b"\x01\x02",
    "yes": True,
    "no": False,
    "null": None,
    "list": ["loss", 7, None],
    "dict": {"loss": 1, "k": 2},
    "tag.mlflow.user": "ann",
}

VALUES: tuple[Scalar, ...] = ("loss", "", 7, -1, b"\x01\x02", b"", True, None)
OPERATORS: tuple[Operator, ...] = ("=", "!=", "<", ">=")

TRUE = [
    ITEM_EXISTS,
    Exists("null"),
    Exists("tag.mlflow.user"),
    Missing("absent"),
    equals("text", "loss"),
    equals("empty", ""),
    equals("number", 7),
    equals("bytes", b"\x01\x02"),
    equals("yes", True),
    equals("no", False),
    equals("null", None),
    equals("PK", "conditions"),
    Compare("text", "!=", "Loss"),
    Compare("no", "!=", True),
    Compare("text", "<", "losses"),
    Compare("text", ">", "Z"),
    Compare("empty", "<=", ""),
    Compare("number", ">=", 7),
    Compare("number", "<", 10**30),
    Compare("number", ">", -1),
    Compare("bytes", "<", b"\x01\x02\x00"),
    BeginsWith("text", "lo"),
    BeginsWith("text", ""),
    BeginsWith("empty", ""),
    BeginsWith("SK", "1"),
    Contains("text", "os"),
    Contains("text", ""),
    OneOf("text", ("a", 1, "loss")),
    OneOf("null", (None,)),
    OneOf("no", (True, False)),
    OneOf("number", tuple(range(100))),
    Length("text", "=", 4),
    Length("empty", "=", 0),
    Length("list", "=", 3),
    Length("list", "!=", 4),
    Length("dict", ">=", 2),
    Length("bytes", "<", 3),
    IsMap("dict"),
    Both(()),
    both(Exists("text"), Missing("absent"), equals("number", 7)),
    either(Exists("absent"), equals("text", "loss")),
    Not(Exists("absent")),
    Not(Compare("absent", "!=", "x")),
    Not(Compare("number", "=", "7")),
    Not(Either(())),
    Not(Not(Exists("text"))),
    Not(Both((Exists("text"), Exists("absent")))),
    Either((Both((Exists("absent"), Exists("text"))), Both((Exists("text"), Exists("null"))))),
    Both((Either((Exists("absent"), Exists("text"))), Not(Exists("absent")))),
]

FALSE = [
    ITEM_MISSING,
    Exists("absent"),
    Missing("null"),
    Missing("tag.mlflow.user"),
    Exists("tag"),
    equals("text", "LOSS"),
    equals("absent", None),
    equals("absent", ""),
    equals("null", False),
    equals("yes", 1),
    equals("number", True),
    Compare("absent", "!=", "x"),
    Compare("absent", "<", "x"),
    Compare("number", "!=", "7"),
    Compare("null", "!=", None),
    Compare("list", "!=", "x"),
    Compare("yes", "<=", True),
    Compare("null", ">=", None),
    Compare("text", ">", 1),
    Compare("bytes", ">", ""),
    BeginsWith("text", "oss"),
    BeginsWith("absent", ""),
    BeginsWith("number", ""),
    BeginsWith("list", "loss"),
    Contains("text", "x"),
    Contains("list", "loss"),
    Contains("dict", "loss"),
    Contains("number", ""),
    Contains("absent", ""),
    OneOf("text", ()),
    OneOf("absent", (None, "")),
    OneOf("number", ("7", True, b"7")),
    Length("list", "=", 4),
    Length("absent", "=", 0),
    Length("absent", "!=", 1),
    Length("number", "!=", 9),
    Length("null", ">=", 0),
    IsMap("absent"),
    IsMap("list"),
    IsMap("text"),
    Either(()),
    either(Exists("absent"), equals("text", "x")),
    both(Exists("text"), Exists("absent")),
    Not(Both(())),
    Not(Exists("text")),
    Not(either(Exists("text"), Exists("absent"))),
]


class ConditionContract(Contract):
    @pytest.fixture
    def one_item(self, shared: Table) -> Table:
        """A table with ``ITEM``, which conditions are tried on."""
        shared.write(Put(ITEM))
        return shared

    @pytest.mark.parametrize("condition", TRUE, ids=repr)
    def test_a_condition_that_holds_lets_a_write_and_an_item_pass(
        self, one_item: Table, condition: Condition
    ) -> None:
        one_item.write(Put(ITEM, condition))
        one_item.write(Check(KEY, condition), Put({"PK": "bystander", "SK": "1"}))

        assert one_item.query("conditions", filter=condition).items == [ITEM]

    @pytest.mark.parametrize("condition", FALSE, ids=repr)
    def test_a_condition_that_fails_stops_a_write_and_an_item(
        self, one_item: Table, condition: Condition
    ) -> None:
        with pytest.raises(ConditionFailed) as alone:
            one_item.write(Update(KEY, set={"wrong": 1}, condition=condition))
        with pytest.raises(ConditionFailed) as together:
            one_item.write(Put({"PK": "bystander", "SK": "1"}), Check(KEY, condition))

        assert alone.value.failures == {0: ITEM}
        assert together.value.failures == {1: ITEM}
        assert one_item.query("conditions", filter=condition).items == []

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    @pytest.mark.parametrize("op", OPERATORS)
    def test_a_value_never_compares_with_another_type(
        self, one_item: Table, op: Operator, value: Scalar
    ) -> None:
        # A filter on the keys would be evaluated here, and not by the engine.
        others = [n for n in ITEM if n not in KEYS and type(ITEM[n]) is not type(value)]

        of_others = Either(tuple(Compare(name, op, value) for name in others))

        assert one_item.query("conditions", filter=of_others).items == []

    @pytest.mark.parametrize(
        "condition",
        [ITEM_MISSING, Missing("x"), Not(Exists("x")), Both(()), Not(equals("x", 1))],
        ids=repr,
    )
    def test_a_condition_can_hold_of_no_item(self, table: Table, condition: Condition) -> None:
        table.write(Check(("new", "1"), condition))
        table.write(Check(("new", "1"), condition), Put({"PK": "other", "SK": "1"}))
        table.write(Put({"PK": "new", "SK": "1"}, condition))

        assert table.get(("new", "1")) is not None

    @pytest.mark.parametrize(
        "condition",
        [Exists("x"), Compare("x", "!=", 1), Either(()), Length("x", ">=", 0)],
        ids=repr,
    )
    def test_a_condition_can_fail_of_no_item(self, table: Table, condition: Condition) -> None:
        with pytest.raises(ConditionFailed):
            table.write(Put({"PK": "new", "SK": "1"}, condition))

        assert table.get(("new", "1")) is None
