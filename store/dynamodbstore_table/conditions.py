"""Conditions and filters: a small tree of values, evaluated here or compiled by an adapter.

``holds`` tests an item (``{}`` stands for no item). A comparison with an attribute that is missing,
or of another type, is false, also for ``!=``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Literal, TypeAlias

from dynamodbstore_events.values import value

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar: TypeAlias = str | int | bytes | bool | None

_ABSENT = object()
_SIZED = (str, bytes, list, dict)
_RELATIONS: Mapping[Operator, Callable[[Any, Any], Any]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


@value
class Exists:
    """The item has the attribute."""

    name: str

    def holds(self, item: Mapping[str, Any]) -> bool:
        return self.name in item


@value
class Missing:
    """The item lacks the attribute; ``Missing("PK")`` means that no item exists."""

    name: str

    def holds(self, item: Mapping[str, Any]) -> bool:
        return self.name not in item


@value
class Compare:
    """The attribute is there, has the value's type, and stands in this relation to it.

    Numbers by value; text by code point and bytes by byte, as DynamoDB orders them.
    """

    name: str
    op: Operator
    value: Scalar

    def holds(self, item: Mapping[str, Any]) -> bool:
        found = item.get(self.name, _ABSENT)
        kind, op = type(found), self.op
        if kind is not type(self.value):
            return False
        if op == "=":
            return bool(found == self.value)
        if kind is bool or found is None:
            return op == "!=" and found != self.value
        return bool(_RELATIONS[op](found, self.value))


@value
class BeginsWith:
    """The attribute is text that begins with the prefix."""

    name: str
    prefix: str

    def holds(self, item: Mapping[str, Any]) -> bool:
        found = item.get(self.name)
        return isinstance(found, str) and found.startswith(self.prefix)


@value
class Contains:
    """The attribute is text with this part in it."""

    name: str
    text: str

    def holds(self, item: Mapping[str, Any]) -> bool:
        found = item.get(self.name)
        return isinstance(found, str) and self.text in found


@value
class OneOf:
    """The attribute equals one of the values (at most 100 of them)."""

    name: str
    values: tuple[Scalar, ...]

    def holds(self, item: Mapping[str, Any]) -> bool:
        found = item.get(self.name, _ABSENT)
        kind = type(found)
        return any(kind is type(value) and found == value for value in self.values)


@value
class Length:
    """The number of elements of a list (characters of text, bytes of bytes), compared."""

    name: str
    op: Operator
    value: int

    def holds(self, item: Mapping[str, Any]) -> bool:
        found = item.get(self.name)
        return isinstance(found, _SIZED) and bool(_RELATIONS[self.op](len(found), self.value))


@value
class IsMap:
    """The attribute is a dict."""

    name: str

    def holds(self, item: Mapping[str, Any]) -> bool:
        return type(item.get(self.name)) is dict


@value
class Both:
    """Every one of the conditions holds (true for none)."""

    conditions: tuple[Condition, ...]

    def holds(self, item: Mapping[str, Any]) -> bool:
        # A loop: this is in the path of every write, where a generator takes twice the time.
        for inner in self.conditions:  # noqa: SIM110
            if not inner.holds(item):
                return False
        return True


@value
class Either:
    """At least one of the conditions holds (false for none)."""

    conditions: tuple[Condition, ...]

    def holds(self, item: Mapping[str, Any]) -> bool:
        for inner in self.conditions:  # noqa: SIM110
            if inner.holds(item):
                return True
        return False


@value
class Not:
    """The condition does not hold."""

    condition: Condition

    def holds(self, item: Mapping[str, Any]) -> bool:
        return not self.condition.holds(item)


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


def below(name: str, value: bytes) -> Condition:
    """The attribute is lower than the value, or missing."""
    return Either((Compare(name, "<", value), Missing(name)))


def shorter(name: str, length: int) -> Condition:
    """The list has fewer elements, or is missing."""
    return Either((Length(name, "<", length), Missing(name)))
