"""Comparators mean what SQLite means by them, with NULL and NaN as MLflow's SQL store has them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.search.comparisons import metric_predicate, predicate

ORDER = ("=", "!=", "<", "<=", ">", ">=")
whole = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 2**53, 2**53 + 1])
numbers = whole | st.floats(allow_nan=False)
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=6) | st.sampled_from("aAbBÄä")


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


def in_sqlite(sqlite: sqlite3.Connection, found: object, comparator: str, value: object) -> bool:
    return bool(sqlite.execute(f"SELECT ? {comparator} ?", (found, value)).fetchone()[0])


@given(st.none() | whole, st.sampled_from(ORDER), numbers)
def test_whole_numbers_compare_with_any_number_as_in_sqlite(
    sqlite: sqlite3.Connection, found: int | None, comparator: str, value: float
) -> None:
    expected = in_sqlite(sqlite, found, comparator, value)

    assert predicate(comparator, value)(found) is expected


@given(st.none() | text, st.sampled_from(ORDER), text)
def test_text_compares_by_code_point_as_in_sqlite(
    sqlite: sqlite3.Connection, found: str | None, comparator: str, value: str
) -> None:
    expected = in_sqlite(sqlite, found, comparator, value)

    assert predicate(comparator, value)(found) is expected


@given(st.none() | text, st.sampled_from(["IN", "NOT IN"]), st.lists(text, min_size=1, max_size=3))
def test_lists_are_as_in_sqlite(
    sqlite: sqlite3.Connection, found: str | None, comparator: str, values: list[str]
) -> None:
    places = ", ".join("?" * len(values))
    query = f"SELECT ? {comparator} ({places})"
    expected = bool(sqlite.execute(query, (found, *values)).fetchone()[0])

    assert predicate(comparator, tuple(values))(found) is expected


@pytest.mark.parametrize("comparator", [*ORDER, "LIKE", "ILIKE"])
def test_null_matches_nothing(comparator: str) -> None:
    assert not predicate(comparator, "a")(None)


@pytest.mark.parametrize("comparator", ["IN", "NOT IN"])
def test_null_is_in_no_list_and_outside_none(comparator: str) -> None:
    assert not predicate(comparator, ("a",))(None)


@pytest.mark.parametrize(("comparator", "value"), [("=", ("a",)), ("IN", "a"), ("LIKE", ("a",))])
def test_a_list_goes_with_in_alone(comparator: str, value: object) -> None:
    with pytest.raises(MlflowException, match="IN and NOT IN take a list") as refused:
        predicate(comparator, value)

    assert refused.value.error_code == "BAD_REQUEST"


def test_an_unknown_comparator_is_refused() -> None:
    with pytest.raises(MlflowException, match="Invalid comparator 'SOUNDS'"):
        predicate("SOUNDS", "a")


@pytest.mark.parametrize(
    ("pattern", "found", "passes"),
    [("^a.c$", "abc", True), ("b", "abc", True), ("B", "abc", False), ("(", "(", False)],
)
def test_rlike_searches_by_a_regular_expression(pattern: str, found: str, passes: bool) -> None:
    test = predicate("RLIKE", pattern)

    assert test(found) is passes
    assert not test(None)


@pytest.mark.parametrize("comparator", ORDER)
def test_nan_passes_only_unequal(comparator: str) -> None:
    assert metric_predicate(comparator, 0.0)(math.nan) is (comparator == "!=")


def test_infinity_compares_as_the_largest_number() -> None:
    assert metric_predicate("=", 1.7976931348623157e308)(math.inf)
    assert not metric_predicate("=", math.inf)(math.inf)
    assert metric_predicate("<", math.inf)(math.inf)


def test_a_missing_metric_is_not_unequal() -> None:
    assert not metric_predicate("!=", 1.0)(None)
