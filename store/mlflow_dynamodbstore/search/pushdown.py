"""Which clauses on attributes and on tags the table can decide, with exactly SQL's meaning.

A port condition is false for a missing attribute, as SQL's are for NULL. What has no such
condition stays a clause that is decided here, on the same META item.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

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

from mlflow_dynamodbstore.runs.search.run_filter import AttributeClause
from mlflow_dynamodbstore.search.comparisons import IS_NOT_NULL, IS_NULL
from mlflow_dynamodbstore.search.listings import TimeRange

_LARGEST = 2**63 - 1
_MOST_TEXT = 1000
_COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")


def condition_of(clause: AttributeClause) -> Condition | None:
    """The clause as a condition on a run's META item, or None."""
    value = clause.value
    if clause.name == "run_id":
        return None
    if isinstance(value, float):
        # The table compares whole numbers; 2.0 is one.
        value = int(value) if value.is_integer() else None
    if isinstance(value, int):
        small = abs(value) <= _LARGEST
        return Compare(clause.name, clause.comparator, value) if small else None  # type: ignore[arg-type]
    return text_condition(clause.name, clause.comparator, value)


def tag_condition(attribute: str, comparator: str, value: Any) -> Condition | None:
    """A clause on a tag as a condition on the ``attribute`` of META that tells it, or None.

    What passes it may match: META does not tell every tag.
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


def time_range(clauses: Iterable[AttributeClause]) -> tuple[TimeRange, list[AttributeClause]]:
    """The start times that the clauses leave, and the clauses that this does not decide."""
    earliest, latest = -_LARGEST, _LARGEST
    rest: list[AttributeClause] = []
    for clause in clauses:
        bounds = _bounds(clause)
        if bounds is None:
            rest.append(clause)
        else:
            earliest, latest = max(earliest, bounds[0]), min(latest, bounds[1])
    return TimeRange(earliest, latest), rest


def _bounds(clause: AttributeClause) -> tuple[int, int] | None:
    if clause.name != "start_time":
        return None
    value = max(-_LARGEST - 1, min(_LARGEST + 1, clause.value))
    match clause.comparator:
        case "=":
            return math.ceil(value), math.floor(value)
        case ">":
            return math.floor(value) + 1, _LARGEST
        case ">=":
            return math.ceil(value), _LARGEST
        case "<":
            return -_LARGEST, math.ceil(value) - 1
        case "<=":
            return -_LARGEST, math.floor(value)
    return None
