"""What a comparator of a filter means for one value, as in MLflow's SQL store on SQLite.

A NULL matches no comparator, not even ``!=`` or ``NOT IN``. Text is compared by code point,
respecting case; whole numbers and floats are compared exactly.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from dynamodbstore_events.metric_values import stored
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE

from mlflow_dynamodbstore.search.like import ilike_matcher, like_matcher

Predicate: TypeAlias = Callable[[Any], bool]

IS_NULL: Final = "IS NULL"
IS_NOT_NULL: Final = "IS NOT NULL"

RELATIONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def predicate(comparator: str, value: Any) -> Predicate:
    """A test for a text or a number (None: NULL) against the ``value`` of a filter clause.

    ``comparator`` is in upper case, and not IS NULL or IS NOT NULL, which test whether there is a
    value at all. Raises ``BAD_REQUEST``, as the SQL store does, if the comparator and the value do
    not fit, such as ``=`` with a list, and ``INVALID_PARAMETER_VALUE`` for any other comparator.
    """
    listed = isinstance(value, tuple | list)
    if listed != (comparator in ("IN", "NOT IN")):
        raise MlflowException(
            f"The comparator '{comparator}' can't be used with the value {value!r}: IN and NOT IN "
            "take a list such as ('a', 'b'), every other comparator takes one value.",
            BAD_REQUEST,
        )
    if listed:
        members, wanted = frozenset(value), comparator == "IN"
        return lambda found: found is not None and (found in members) is wanted
    if comparator in ("LIKE", "ILIKE"):
        matches = like_matcher(value) if comparator == "LIKE" else ilike_matcher(value)
        return lambda found: found is not None and matches(found)
    if comparator == "RLIKE":
        return _regex(value)
    compare = RELATIONS.get(comparator)
    if compare is None:
        raise MlflowException(
            f"Invalid comparator '{comparator}'. Valid comparators are "
            f"{', '.join((*RELATIONS, 'LIKE', 'ILIKE', 'IN', 'NOT IN'))}.",
            INVALID_PARAMETER_VALUE,
        )
    return lambda found: found is not None and bool(compare(found, value))


def _regex(pattern: str) -> Predicate:
    """A test by a regular expression, found anywhere; a malformed one matches nothing."""
    try:
        compiled = re.compile(pattern)
    except re.error:
        return lambda found: False
    return lambda found: found is not None and compiled.search(found) is not None


def metric_predicate(comparator: str, value: float) -> Predicate:
    """A test for a metric's value (None: the metric is missing; NaN is NaN).

    NaN passes ``!=`` and nothing else; ±Infinity compares as ±1.7976931348623157e308, which is
    how it is kept.
    """
    plain = predicate(comparator, value)
    nan_passes = comparator == "!="

    def test(found: Any) -> bool:
        if found is None:
            return False
        if math.isnan(found):
            return nan_passes
        return plain(stored(found)[0])

    return test
