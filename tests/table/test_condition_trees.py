"""Random conditions on random items hold on a real engine where ``holds`` returns True."""

from __future__ import annotations

import pytest
from dynamodbstore_table.conditions import (
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
)
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Check, Item, Put, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from(["x", "y", "tag.z"])
SCALARS = st.one_of(
    st.sampled_from(["", "a", "ab", "Ab", "é", "🚀"]),
    st.integers(-2, 12),
    st.sampled_from([b"", b"a", b"\xff"]),
    st.booleans(),
    st.none(),
)
CONTAINERS = st.one_of(
    st.binary(max_size=3),
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from("ab"), SCALARS),
)
VALUES = st.one_of(SCALARS, CONTAINERS)
ITEMS = st.dictionaries(NAMES, VALUES)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
PARTS = st.sampled_from(["", "a", "b", "é"])

LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Exists, NAMES),
    st.builds(Missing, NAMES),
    st.builds(Compare, NAMES, OPERATORS, SCALARS),
    st.builds(BeginsWith, NAMES, PARTS),
    st.builds(Contains, NAMES, PARTS),
    st.builds(IsMap, NAMES),
    st.builds(OneOf, NAMES, st.lists(SCALARS, max_size=4).map(tuple)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Both, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Either, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)


@pytest.fixture(params=["sqlite_table", "dynoxide_table"])
def engine(request: pytest.FixtureRequest) -> Table:
    table: Table = request.getfixturevalue(request.param)
    return table


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(attributes=ITEMS, condition=CONDITIONS)
def test_condition_holds_on_the_engine_where_holds_returns_true(
    engine: Table, attributes: Item, condition: Condition
) -> None:
    item = {"PK": "a", "SK": "1", **attributes}
    engine.write(Put(item))

    expected = condition.holds(item)

    assert engine.query("a", filter=condition).items == ([item] if expected else [])
    assert _passes(engine, condition) == expected


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    value=st.one_of(st.text("abc", max_size=3), CONTAINERS, st.none(), st.integers()),
    op=OPERATORS,
    length=st.integers(0, 4),
)
def test_length_condition_holds_on_the_engine_where_holds_returns_true(
    engine: Table, value: object, op: str, length: int
) -> None:
    item = {"PK": "a", "SK": "1", "x": value}
    engine.write(Put(item))
    condition = Length("x", op, length)  # type: ignore[arg-type]

    found = engine.query("a", filter=condition).items

    assert found == ([item] if condition.holds(item) else [])


def _passes(table: Table, condition: Condition) -> bool:
    try:
        table.write(Check(("a", "1"), condition), Put({"PK": "b", "SK": "1"}))
    except ConditionFailed:
        return False
    return True
