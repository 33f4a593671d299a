"""Conditions and filters: a small tree of values, evaluated here or compiled by an adapter.

A comparison with an attribute that is missing, or of another type, is false, also for ``!=``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Literal, TypeAlias

from dynamodbstore_events.values import value

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar: TypeAlias = str | int | bytes | bool | None


@value
class Exists:
    """The item has the attribute."""

    name: str


@value
class Missing:
    """The item lacks the attribute; ``Missing("PK")`` says that there is no item."""

    name: str


@value
class Compare:
    """The attribute is there, has the value's type, and stands in this relation to it.

    Numbers by value; text by code point and bytes by byte, as DynamoDB orders them.
    """

    name: str
    op: Operator
    value: Scalar


@value
class BeginsWith:
    """The attribute is text that begins with the prefix."""

    name: str
    prefix: str


@value
class Contains:
    """The attribute is text with this part in it."""

    name: str
    text: str


@value
class OneOf:
    """The attribute equals one of the values (at most 100 of them)."""

    name: str
    values: tuple[Scalar, ...]


@value
class Length:
    """The number of elements of a list (characters of text, bytes of bytes), compared."""

    name: str
    op: Operator
    value: int


@value
class IsMap:
    """The attribute is a dict."""

    name: str


@value
class Both:
    """Every one of the conditions holds (true for none)."""

    conditions: tuple[Condition, ...]


@value
class Either:
    """At least one of the conditions holds (false for none)."""

    conditions: tuple[Condition, ...]


@value
class Not:
    """The condition does not hold."""

    condition: Condition


Condition: TypeAlias = (
    Exists
    | Missing
    | Compare
    | BeginsWith
    | Contains
    | OneOf
    | Length
    | IsMap
    | Both
    | Either
    | Not
)

ITEM_EXISTS = Exists("PK")
ITEM_MISSING = Missing("PK")


def both(*conditions: Condition) -> Condition:
    """All of the conditions."""
    return conditions[0] if len(conditions) == 1 else Both(conditions)


def either(*conditions: Condition) -> Condition:
    """Any of the conditions."""
    return conditions[0] if len(conditions) == 1 else Either(conditions)


def equals(name: str, value: Scalar) -> Condition:
    """The attribute is there and equals the value."""
    return Compare(name, "=", value)


def holds(condition: Condition, item: Mapping[str, Any]) -> bool:
    """Whether ``condition`` is true of ``item`` (``{}`` stands for no item)."""
    return _TESTS[type(condition)](condition, item)


def _compare(found: Any, op: Operator, value: Scalar) -> bool:
    kind = type(found)
    if kind is not type(value):
        return False
    if (kind is bool or value is None) and op not in _EQUALITIES:
        return False
    return bool(_OPERATORS[op](found, value))


def _compares(condition: Compare, item: Mapping[str, Any]) -> bool:
    name = condition.name
    return name in item and _compare(item[name], condition.op, condition.value)


def _begins(condition: BeginsWith, item: Mapping[str, Any]) -> bool:
    found = item.get(condition.name)
    return isinstance(found, str) and found.startswith(condition.prefix)


def _contains(condition: Contains, item: Mapping[str, Any]) -> bool:
    found = item.get(condition.name)
    return isinstance(found, str) and condition.text in found


def _is_one(condition: OneOf, item: Mapping[str, Any]) -> bool:
    name = condition.name
    return name in item and any(_compare(item[name], "=", v) for v in condition.values)


def _has_length(condition: Length, item: Mapping[str, Any]) -> bool:
    found = item.get(condition.name)
    if not isinstance(found, _SIZED):
        return False
    return _compare(len(found), condition.op, condition.value)


def _all_hold(condition: Both, item: Mapping[str, Any]) -> bool:
    # A loop: this is in the path of every write, where a generator takes twice the time.
    for inner in condition.conditions:  # noqa: SIM110
        if not _TESTS[type(inner)](inner, item):
            return False
    return True


def _any_holds(condition: Either, item: Mapping[str, Any]) -> bool:
    for inner in condition.conditions:  # noqa: SIM110
        if _TESTS[type(inner)](inner, item):
            return True
    return False


_SIZED = (str, bytes, list, dict)
_EQUALITIES = ("=", "!=")
_OPERATORS: Mapping[Operator, Callable[[Any, Any], Any]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}
_TESTS: Mapping[type[Condition], Callable[[Any, Mapping[str, Any]], bool]] = {
    Exists: lambda condition, item: condition.name in item,
    Missing: lambda condition, item: condition.name not in item,
    Compare: _compares,
    BeginsWith: _begins,
    Contains: _contains,
    OneOf: _is_one,
    Length: _has_length,
    IsMap: lambda condition, item: type(item.get(condition.name)) is dict,
    Both: _all_hold,
    Either: _any_holds,
    Not: lambda condition, item: not holds(condition.condition, item),
}
