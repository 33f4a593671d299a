"""Expressions: what DynamoDB would refuse is refused before it is sent."""

from __future__ import annotations

import pytest
from dynamodbstore_table.conditions import (
    Both,
    Compare,
    Condition,
    Contains,
    Either,
    Exists,
    Not,
    OneOf,
    equals,
)
from dynamodbstore_table.dynamodb.expressions import (
    Expressions,
    compile_filter,
    compile_guard,
    compile_update,
)
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Put, Update

from tests.table.faults import Faults

NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Exists("x"), "attribute_exists(#0)"),
        (equals("x", 1), "#0=:0"),
        (Compare("x", "!=", 1), "attribute_type(#0,:1) AND #0<>:0"),
        (Contains("x", "y"), "attribute_type(#0,:0) AND contains(#0,:1)"),
        (OneOf("x", (1, 2)), "#0 IN (:0,:1)"),
        (
            Either((Both((Exists("x"), equals("y", 1))), Not(Exists("x")))),
            "attribute_exists(#0) AND #1=:0 OR NOT attribute_exists(#0)",
        ),
        (
            Both((Either((Exists("x"), Exists("y"))), Not(Both((Exists("x"), Exists("y")))))),
            "(attribute_exists(#0) OR attribute_exists(#1)) AND "
            "NOT (attribute_exists(#0) AND attribute_exists(#1))",
        ),
    ],
    ids=repr,
)
def test_a_condition_has_only_the_parentheses_that_it_needs(
    condition: Condition, expected: str
) -> None:
    assert compile_filter(condition, Expressions()) == expected


def test_a_condition_is_guarded_against_expired_items() -> None:
    of_an_item = compile_guard(equals("x", 1), NOW, Expressions())
    of_no_item = compile_guard(Not(Exists("x")), NOW, Expressions())

    assert of_an_item == "#0=:0 AND (attribute_not_exists(#1) OR #1>:1)"
    assert of_no_item == "NOT attribute_exists(#0) OR #1<=:0"


def test_names_and_values_are_never_part_of_an_expression() -> None:
    expressions = Expressions()

    text = compile_update(Update(("a", "1"), set={"size": "#0"}, add={"a.b[0]": 1}), expressions)

    assert text == "SET #0=:0 ADD #1 :1"
    assert expressions.parameters() == {
        "ExpressionAttributeNames": {"#0": "size", "#1": "a.b[0]"},
        "ExpressionAttributeValues": {":0": {"S": "#0"}, ":1": {"N": "1"}},
    }


@pytest.mark.parametrize(
    "condition",
    [
        Either(tuple(Exists(f"a{n}") for n in range(151))),
        Either(tuple(OneOf(f"a{n}", tuple(range(100))) for n in range(10))),
    ],
    ids=["301 operators", "over 4 KB"],
)
def test_a_condition_beyond_the_limits_is_refused_without_a_request(condition: Condition) -> None:
    table = DynamoDBTable("runs", endpoint_url="http://127.0.0.1:1")
    faults = Faults(table)

    with pytest.raises(InvalidOps, match="operators"):
        table.write(Put({"PK": "a", "SK": "1"}, condition))

    assert faults.calls == []


def test_the_widest_update_that_is_allowed_fits_an_expression() -> None:
    widest = Update(("a", "1"), set={f"attribute {n}": n for n in range(408)})

    text = compile_update(widest, Expressions())

    assert len(text) <= 4096
