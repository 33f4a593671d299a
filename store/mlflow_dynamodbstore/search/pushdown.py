"""Which clauses on attributes and on tags the table can decide, with exactly SQL's meaning.

A port condition is false for a missing attribute, as SQL's are for NULL. What has no such
condition stays a clause that is decided here, on the same META item.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from dynamodbstore_projections.tags.reader import may_hold
from dynamodbstore_table.conditions import (
    BeginsWith,
    Compare,
    Condition,
    Contains,
    Either,
    Exists,
    Missing,
)

from mlflow_dynamodbstore.search.clause import Clause
from mlflow_dynamodbstore.search.comparisons import IS_NOT_NULL, IS_NULL
from mlflow_dynamodbstore.search.listings import TimeRange

_LARGEST = 2**63 - 1
_MOST_TEXT = 1000
_COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")


def condition_of(attribute: str, clause: Clause) -> Condition | None:
    """A clause on an ``attribute`` of the item as a condition with the same meaning, or None."""
    value = clause.value
    if isinstance(value, float):
        # The table compares whole numbers; 2.0 is one.
        value = int(value) if value.is_integer() else None
    if isinstance(value, int):
        small = abs(value) <= _LARGEST
        return Compare(attribute, clause.comparator, value) if small else None  # type: ignore[arg-type]
    return text_condition(attribute, clause.comparator, value)


def tag_condition(attribute: str, comparator: str, value: Any) -> Condition | None:
    """A clause on a tag as a condition on the ``attribute`` of META that holds it, or None.

    What passes it may match: META does not hold every tag.
    """
    if comparator == IS_NULL:
        return Missing(attribute)
    if comparator == IS_NOT_NULL:
        return may_hold(attribute, Exists(attribute))
    condition = text_condition(attribute, comparator, value)
    return None if condition is None else may_hold(attribute, condition)


def text_condition(name: str, comparator: str, value: Any) -> Condition | None:
    """A condition on an attribute of text that is true wherever the comparison is, or None."""
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        return None
    if comparator == "LIKE":
        return _like_condition(name, value)
    if comparator in _COMPARATORS:
        return Compare(name, comparator, value)  # type: ignore[arg-type]
    return None


def _like_condition(name: str, pattern: str) -> Condition | None:
    text = pattern.strip("%")
    if not text or any(c in text for c in "%_\0"):
        return None
    match pattern[: len(pattern) - len(pattern.lstrip("%"))], pattern.endswith("%"):
        case "", False:
            # To LIKE a text ends at its first NUL.
            return Either((Compare(name, "=", text), BeginsWith(name, f"{text}\0")))
        case "", True:
            return BeginsWith(name, text)
        case _, True:
            return Contains(name, text)
    return None


def like_prefix(pattern: str) -> str:
    """The literal beginning of a LIKE pattern: what every text that matches begins with."""
    ends = [end for end in map(pattern.find, "%_\0") if end >= 0]
    return pattern[: min(ends)] if ends else pattern


def time_range(clauses: Iterable[Clause]) -> TimeRange:
    """The times (ms) that clauses with a comparator of ``RANGED`` leave."""
    times = TimeRange()
    for clause in clauses:
        low, high = _bounds(clause.comparator, clause.value)
        times = TimeRange(max(times.earliest, low), min(times.latest, high))
    return times


RANGED: Final = ("=", ">", ">=", "<", "<=")
"""The comparators that leave one range of a number."""


def _bounds(comparator: str, value: float) -> tuple[int, int]:
    value = max(-_LARGEST - 1, min(_LARGEST + 1, value))
    match comparator:
        case "=":
            return math.ceil(value), math.floor(value)
        case ">":
            return math.floor(value) + 1, _LARGEST
        case ">=":
            return math.ceil(value), _LARGEST
        case "<":
            return -_LARGEST, math.ceil(value) - 1
    return -_LARGEST, math.floor(value)
