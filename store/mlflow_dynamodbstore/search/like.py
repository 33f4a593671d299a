"""LIKE and ILIKE as MLflow's SQL store has them on SQLite.

``%`` is any text, newlines included, ``_`` is one character, nothing escapes. LIKE respects case;
ILIKE folds A to Z and no other letter, as SQLite's ``lower()`` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from dynamodbstore_projections.fts.trigrams import fold


def like(text: str, pattern: str) -> bool:
    """Whether the whole text matches the pattern, respecting case."""
    return like_matcher(pattern)(text)


def ilike(text: str, pattern: str) -> bool:
    """Whether the whole text matches the pattern, ignoring the case of A to Z."""
    return ilike_matcher(pattern)(text)


def ilike_matcher(pattern: str) -> Callable[[str], bool]:
    """A test for many texts against one ILIKE pattern."""
    matches = like_matcher(fold(pattern))
    return lambda text: matches(fold(text))


@lru_cache(maxsize=256)
def like_matcher(pattern: str) -> Callable[[str], bool]:
    """A test for many texts against one LIKE pattern; no pattern makes it backtrack."""
    # SQLite reads pattern and text as C strings, which end at the first NUL.
    head, *rest = _until_nul(pattern).split("%")
    if not rest:
        whole = _expression(head)
        return lambda text: whole.fullmatch(_until_nul(text)) is not None
    first, last = _expression(head), _expression(rest[-1])
    between = [_expression(part) for part in rest[:-1] if part]
    tail_length = len(rest[-1])

    def matches(text: str) -> bool:
        text = _until_nul(text)
        if not first.match(text):
            return False
        # Parts have a fixed length, so taking each where it first occurs misses nothing.
        position = len(head)
        for part in between:
            found = part.search(text, position)
            if found is None:
                return False
            position = found.end()
        end = len(text) - tail_length
        return position <= end and last.match(text, end) is not None

    return matches


def _until_nul(text: str) -> str:
    return text.partition("\0")[0] if "\0" in text else text


def _expression(part: str) -> re.Pattern[str]:
    """What stands between two ``%`` of a pattern, as a regular expression of fixed length."""
    return re.compile("".join("." if c == "_" else re.escape(c) for c in part), re.DOTALL)
