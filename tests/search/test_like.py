"""LIKE and ILIKE mean what SQLite means by them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow_dynamodbstore.search.like import ilike, like

# SQLite reads the noncharacters U+FFFE and U+FFFF as U+FFFD; no text that people write has them.
characters = st.sampled_from("aAbBzZ%_\n\\äÄßİıſK😀 .*[]^\0") | st.characters(
    exclude_categories=("Cs",), exclude_characters="�￾￿"
)
texts = st.text(characters, max_size=12)
few_letters = st.text("ab%_", max_size=10)


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA case_sensitive_like = ON")
    yield connection
    connection.close()


@given(texts | few_letters, texts | few_letters)
def test_like_is_sqlites(sqlite: sqlite3.Connection, text: str, pattern: str) -> None:
    expected = sqlite.execute("SELECT ? LIKE ?", (text, pattern)).fetchone()[0]

    assert like(text, pattern) == bool(expected)


@given(texts | few_letters, texts | few_letters)
def test_ilike_is_sqlites_like_of_both_lowered(
    sqlite: sqlite3.Connection, text: str, pattern: str
) -> None:
    expected = sqlite.execute("SELECT lower(?) LIKE lower(?)", (text, pattern)).fetchone()[0]

    assert ilike(text, pattern) == bool(expected)


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("line one\nline two", "line%two", True),
        ("Model", "model", False),
        ("a_b", "a\\_b", False),
        ("100%", "100%", True),
        ("aba", "ab%ba", False),
        ("", "%", True),
        ("", "_", False),
    ],
)
def test_like_matches_the_whole_text(text: str, pattern: str, matches: bool) -> None:
    assert like(text, pattern) is matches


def test_ilike_folds_no_letter_beyond_ascii() -> None:
    assert ilike("MODEL", "model")
    assert not ilike("Ä", "ä")


def test_a_pattern_of_many_wildcards_does_not_backtrack() -> None:
    started = time.perf_counter()

    assert not like("a" * 5000, "%a" * 20 + "%b")

    assert time.perf_counter() - started < 1
