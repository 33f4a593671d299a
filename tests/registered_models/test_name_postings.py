"""A LIKE over names finds the same by postings, by a range of names, and by looking at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow_dynamodbstore.search.like import ilike, like
from mlflow_dynamodbstore.search.pushdown import like_prefix

from tests.registered_models.search_items import Searching, model_puts, version
from tests.search.projected import NAMES, projected_table

LETTERS = "abAB%_é#"
LIKE = {"LIKE": like, "ILIKE": ilike, "=": str.__eq__}

names = st.sets(st.text(LETTERS, min_size=1, max_size=9), max_size=12)
patterns = st.text(f"{LETTERS}%%", min_size=1, max_size=7)


@settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=names,
    clauses=st.lists(st.tuples(st.sampled_from(tuple(LIKE)), patterns), min_size=1, max_size=2),
    descending=st.booleans(),
    limit=st.integers(1, 4),
    built=st.booleans(),
)
def test_names_are_found_however_they_are_looked_up(
    tmp_path_factory: pytest.TempPathFactory,
    names: set[str],
    clauses: list[tuple[str, str]],
    descending: bool,
    limit: int,
    built: bool,
) -> None:
    # Given: models, and postings of their names that searches may or may not rely on.
    table = projected_table(tmp_path_factory.mktemp("names") / "table.ddb")
    table.bulk(put for name in names for put in model_puts(name, versions=[version()]))
    search = Searching(table)
    if built:
        search.built(NAMES)

    # When: they are searched by patterns, page after page.
    filter_string = " AND ".join(f"name {how} '{text}'" for how, text in clauses)
    order = ["name DESC"] if descending else ["name ASC"]
    found = search.names(filter_string, order_by=order, limit=limit)
    versions = search.numbers(filter_string, order_by=order, limit=limit)

    # Then: they are those that match, in order; and so are their versions.
    wanted = sorted(
        (name for name in names if all(LIKE[how](name, text) for how, text in clauses)),
        reverse=descending,
    )
    assert found == wanted
    assert versions == [f"{name}/1" for name in wanted]
    table.close()


def test_the_postings_are_not_asked_where_a_range_of_names_tells_as_much(tmp_path: Path) -> None:
    search = Searching(projected_table(tmp_path / "table.ddb"))
    search.built(NAMES)
    for n in range(20):
        search.add(f"model {n:02d}")

    assert search.names("name LIKE 'model 0%'") == [f"model {n:02d}" for n in range(10)]
    assert search.cost().requests["Query"] == 1
    search.table.close()


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [("abc", "abc"), ("ab%c", "ab"), ("a_c%", "a"), ("%abc", ""), ("a\0b%", "a"), ("", "")],
)
def test_like_prefix_returns_what_a_pattern_begins_with(pattern: str, prefix: str) -> None:
    assert like_prefix(pattern) == prefix
