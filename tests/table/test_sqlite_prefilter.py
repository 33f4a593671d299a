"""What SQLite skips by a prefilter is nothing that the filter would let pass."""

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
    Missing,
    Not,
    OneOf,
    equals,
)
from dynamodbstore_table.embedded.prefilter import prefilter
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from(["x", "y", "SK", 'a "quoted" name', "é"])
TEXTS = st.sampled_from(["", "a", 'a"b', "a\\b", "\x7fb", "\x7fi5", "\0", "\n", "é", "🚀", '"x":1'])
NUMBERS = st.sampled_from([0, 1, -1, 12, 123, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), 10**37])
SCALARS = st.one_of(TEXTS, NUMBERS, st.binary(max_size=2), st.booleans(), st.none())
VALUES = st.one_of(
    SCALARS,
    NUMBERS.map(lambda n: -n),
    st.lists(SCALARS, max_size=2),
    st.dictionaries(NAMES, SCALARS, max_size=2),
)
ITEMS = st.dictionaries(NAMES.filter(lambda name: name != "SK"), VALUES)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])

LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Exists, NAMES),
    st.builds(Missing, NAMES),
    st.builds(Compare, NAMES, OPERATORS, SCALARS),
    st.builds(BeginsWith, NAMES, TEXTS),
    st.builds(Contains, NAMES, TEXTS),
    st.builds(IsMap, NAMES),
    st.builds(OneOf, NAMES, st.lists(SCALARS, max_size=12).map(tuple)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Both, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Either, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(contents=st.lists(ITEMS, min_size=1, max_size=3), condition=CONDITIONS)
def test_a_page_with_a_limit_holds_what_passes_the_filter(
    sqlite_table: SqliteTable, contents: list[Item], condition: Condition
) -> None:
    items = [{"PK": "a", "SK": f"{n}", **content} for n, content in enumerate(contents)]
    sqlite_table.write(*map(Put, items))

    passing = [item for item in items if condition.holds(item)]

    in_use = {item["SK"] for item in items}
    found = sqlite_table.query("a", filter=condition, limit=10).items
    assert [item for item in found if item["SK"] in in_use] == passing


def test_an_index_is_filtered_as_the_table_is(sqlite_table: SqliteTable) -> None:
    for n in range(300):
        status = "FAILED" if n % 100 == 7 else "FINISHED"
        sqlite_table.write(
            Put({"PK": f"r{n}", "SK": "META", "gsi1pk": "g", "gsi1sk": f"{n:03}", "status": status})
        )

    failed = equals("status", "FAILED")
    first = sqlite_table.query("g", index="GSI1", filter=failed, limit=2)
    second = sqlite_table.query("g", index="GSI1", filter=failed, limit=2, start=first.next)

    assert [item["PK"] for item in first.items] == ["r7", "r107"]
    assert [item["PK"] for item in second.items] == ["r207"]
    assert second.next is None


@pytest.mark.parametrize("limit", [1, 64, 65])
def test_what_sqlite_can_not_test_is_decided_by_python(
    sqlite_table: SqliteTable, limit: int
) -> None:
    # Its name and value are in every item, but only here and there at the top.
    for n in range(200):
        hidden = {"m": {"s": "a"}, "s": "b"}
        sqlite_table.write(Put({"PK": "a", "SK": f"{n:03}", **({"s": "a"} if n > 150 else hidden)}))

    page = sqlite_table.query("a", filter=equals("s", "a"), limit=limit)

    assert [item["SK"] for item in page.items] == [f"{n:03}" for n in range(151, 200)][:limit]
    assert (page.next is None) == (limit > 49)


def test_a_prefilter_asks_for_what_the_stored_form_must_contain() -> None:
    known = prefilter(Both((equals("status", "FAILED"), Not(Exists("x")), Compare("n", ">", 5))))

    assert known is not None
    assert known.values == (b'"status":"FAILED"', "$.n", 5)


@pytest.mark.parametrize(
    "condition",
    [
        Missing("x"),
        Not(equals("x", 1)),
        equals("x", b"a"),
        equals("x", 2**63),
        equals("PK", "a"),
        Either((equals("x", 1), Missing("x"))),
    ],
)
def test_prefilter_returns_none_for_filters_that_sqlite_can_not_test(condition: Condition) -> None:
    assert prefilter(condition) is None
