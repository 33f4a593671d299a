"""Orders of rows, their cursors, and sorting by what may be missing."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Column, Field
from mlflow_dynamodbstore.search.order import ColumnOrder, Order, groups_sorted, sort_by

NAMES = ("name", "number")
COLUMNS = {name: Column(lambda row, name=name: row[name]) for name in NAMES}
rows = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc"), "number": st.integers(0, 3)}),
    unique_by=lambda row: (row["name"], row["number"]),
    min_size=1,
)


def order(*ascending: bool) -> ColumnOrder:
    orders = (Order(Field(ATTRIBUTE, n), up) for n, up in zip(NAMES, ascending, strict=True))
    return ColumnOrder(tuple(orders), COLUMNS, (str, int))


@given(rows, st.booleans(), st.booleans(), st.data())
def test_in_order_goes_on_behind_a_cursor(
    found: list[dict[str, Any]], first: bool, second: bool, data: st.DataObject
) -> None:
    by = order(first, second)
    whole = by.in_order(found)
    at = data.draw(st.integers(0, len(whole) - 1))

    assert by.in_order(found, by.place(whole[at])) == whole[at + 1 :]


def test_in_order_sorts_by_the_first_column_first() -> None:
    found = [{"name": "b", "number": 1}, {"name": "a", "number": 1}, {"name": "a", "number": 2}]

    assert [by["number"] for by in order(True, False).in_order(found)] == [2, 1, 1]
    assert str(order(True, False)) == "name, number DESC"


@given(rows, st.booleans())
def test_groups_sorted_orders_what_comes_together(found: list[dict[str, Any]], up: bool) -> None:
    in_names = sorted(found, key=lambda row: row["name"])

    assert list(groups_sorted(in_names, lambda row: row["name"], order(True, up))) == order(
        True, up
    ).in_order(found)


def test_groups_sorted_passes_single_rows_on_before_it_looks_further() -> None:
    def listed() -> Any:
        yield {"name": "a", "number": 1}
        raise AssertionError("read too far")

    assert next(groups_sorted(listed(), lambda row: None, order(True, True)))["name"] == "a"


def test_sort_by_puts_nan_and_then_missing_values_last() -> None:
    found = [("missing", None), ("nan", math.nan), ("inf", math.inf), ("low", -1.0), ("high", 2)]

    up = sort_by(found, [value for _, value in found], ascending=True)
    down = sort_by(found, [value for _, value in found], ascending=False)

    assert [name for name, _ in up] == ["low", "high", "inf", "nan", "missing"]
    assert [name for name, _ in down] == ["inf", "high", "low", "nan", "missing"]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers())), st.booleans())
def test_sort_by_leaves_equal_values_as_they_come(pairs: list[tuple[int, int]], up: bool) -> None:
    found = sort_by(pairs, [value for value, _ in pairs], ascending=up)

    for value in range(3):
        own = [pair for pair in pairs if pair[0] == value]
        assert [pair for pair in found if pair[0] == value] == own
