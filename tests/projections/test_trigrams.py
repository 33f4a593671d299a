"""Trigrams of texts and patterns: a text that matches a pattern has all that the pattern needs."""

from __future__ import annotations

import sqlite3

import pytest
from dynamodbstore_projections.fts.trigrams import fold, required_trigrams, trigrams
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mlflow_dynamodbstore.search.like import ilike, like

ALPHABET = st.sampled_from([*"abABéÉİ%_\0\n #", "\U0001f600"])


@st.composite
def texts_with_a_pattern(draw: st.DrawFn) -> tuple[str, str]:
    """A text, and a pattern made of it: parts replaced by wildcards, some letters of other case."""
    text = draw(st.text(ALPHABET, max_size=12))
    pattern, position = "", 0
    while position < len(text):
        kept = draw(st.integers(1, 6))
        literal = text[position : position + kept]
        pattern += literal.swapcase() if draw(st.booleans()) and literal.isascii() else literal
        position += kept
        wildcard = draw(st.sampled_from(["", "%", "_"]))
        if wildcard == "%":
            position += draw(st.integers(0, 4))
        elif wildcard == "_" and position < len(text):
            position += 1
        elif wildcard == "_":
            break
        pattern += wildcard
    return text, pattern


def test_trigrams_are_every_three_characters_in_a_row() -> None:
    assert trigrams("banana") == {"ban", "ana", "nan"}


def test_trigrams_are_of_code_points() -> None:
    assert trigrams("a\U0001f600éz") == {"a\U0001f600é", "\U0001f600éz"}


@pytest.mark.parametrize("text", ["", "a", "ab"])
def test_a_text_shorter_than_three_has_no_trigrams(text: str) -> None:
    assert trigrams(text) == frozenset()


def test_letters_fold_only_where_ilike_folds_them() -> None:
    assert trigrams("ÉAB") == {"Éab"}


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@example("ABCXYZÀÉİŞ[@`{")
def test_the_fold_is_that_of_sqlite(text: str) -> None:
    with sqlite3.connect(":memory:") as database:
        assert fold(text) == database.execute("SELECT lower(?)", (text,)).fetchone()[0]
    database.close()


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        ("%nana%", {"nan", "ana"}),
        ("ban%", {"ban"}),
        ("%ana", {"ana"}),
        ("banana", {"ban", "ana", "nan"}),
        ("%abc%xyz%", {"abc", "xyz"}),
        ("abc_xyz", {"abc", "xyz"}),
        ("%ab%cd_ef%", set()),
        ("%", set()),
        ("", set()),
        ("%ABC%", {"abc"}),
        ("%ÉAB%", {"Éab"}),
        ("%a\U0001f600b%", {"a\U0001f600b"}),
        ("abc\0def", {"abc"}),
        ("\\%abc", {"abc"}),
        ("ab\\%", {"ab\\"}),
    ],
)
def test_required_trigrams_of_a_pattern(pattern: str, needed: set[str]) -> None:
    assert required_trigrams(pattern) == needed


def test_half_a_surrogate_pair_is_in_no_required_trigram() -> None:
    # Then: there is no key that could hold it, and the rest still narrows.
    assert required_trigrams("%ab\ud83dxyz%") == {"xyz"}


@given(texts_with_a_pattern())
def test_a_text_has_what_a_pattern_that_matches_it_needs(made: tuple[str, str]) -> None:
    # Given: a pattern that was made of the text, and matches unless a NUL ends one of them.
    text, pattern = made
    assume(ilike(text, pattern) or like(text, pattern))

    # Then: no candidate is lost by asking for the pattern's trigrams.
    assert required_trigrams(pattern) <= trigrams(text)
