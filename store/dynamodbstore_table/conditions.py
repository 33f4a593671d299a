"""Conditions and filters: a small tree of values, evaluated here or compiled by an adapter.

A comparison with an attribute that is missing, or of another type, is false, also for ``!=``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar: TypeAlias = str | int | bytes | bool | None


@dataclass(frozen=True, slots=True)
class Exists:
    """The item has the attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The item lacks the attribute; ``Missing("PK")`` says that there is no item."""

    name: str


@dataclass(frozen=True, slots=True)
class Compare:
    """The attribute is there, has the value's type, and stands in this relation to it.

    Numbers by value; text by code point and bytes by byte, as DynamoDB orders them.
    """

    name: str
    op: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class BeginsWith:
    """The attribute is text that begins with the prefix."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The attribute is text with this part in it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute equals one of the values (at most 100 of them)."""

    name: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """The number of elements of a list (characters of text, bytes of bytes), compared."""

    name: str
    op: Operator
    value: int


@dataclass(frozen=True, slots=True)
class Both:
    """Every one of the conditions holds (true for none)."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the conditions holds (false for none)."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Condition


Condition: TypeAlias = (
    Exists | Missing | Compare | BeginsWith | Contains | OneOf | Length | Both | Either | Not
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
    match condition:
        case Exists(name):
            return name in item
        case Missing(name):
            return name not in item
        case Compare(name, op, value):
            return name in item and _compare(item[name], op, value)
        case BeginsWith(name, prefix):
            found = item.get(name)
            return isinstance(found, str) and found.startswith(prefix)
        case Contains(name, text):
            found = item.get(name)
            return isinstance(found, str) and text in found
        case OneOf(name, values):
            return name in item and any(_compare(item[name], "=", v) for v in values)
        case Length(name, op, value):
            found = item.get(name)
            return isinstance(found, str | bytes | list | dict) and _compare(len(found), op, value)
        case Both(conditions):
            return all(holds(c, item) for c in conditions)
        case Either(conditions):
            return any(holds(c, item) for c in conditions)
        case Not(inner):
            return not holds(inner, item)


def _compare(found: Any, op: Operator, value: Scalar) -> bool:
    if type(found) is not type(value):
        return False
    if op == "=":
        return bool(found == value)
    if op == "!=":
        return bool(found != value)
    if isinstance(value, bool) or value is None:
        return False
    if op == "<":
        return bool(found < value)
    if op == "<=":
        return bool(found <= value)
    if op == ">":
        return bool(found > value)
    return bool(found >= value)
