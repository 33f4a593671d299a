"""Conditions, updates and projections compiled to DynamoDB's expression strings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dynamodbstore_table.checks import MAX_EXPRESSION_BYTES
from dynamodbstore_table.conditions import (
    BeginsWith,
    Both,
    Compare,
    Condition,
    Contains,
    Either,
    Exists,
    IsMap,
    Length,
    Missing,
    Not,
    OneOf,
    Operator,
    Scalar,
)
from dynamodbstore_table.dynamodb.codec import Attributes, encode
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Update
from dynamodbstore_table.schema import TTL

MAX_OPERATORS = 300

_TYPES: dict[type, str] = {str: "S", int: "N", bytes: "B", bool: "BOOL", type(None): "NULL"}
_SIZED_TYPES = ("S", "L", "M", "B")


@dataclass
class Expressions:
    """The placeholders that all expressions of one request share, and its operators so far."""

    names: dict[str, str] = field(default_factory=dict)
    values: Attributes = field(default_factory=dict)
    operators: int = 0

    def name(self, attribute: str) -> str:
        """The placeholder of an attribute's name."""
        found = self.names.get(attribute)
        if found is None:
            found = self.names[attribute] = f"#{len(self.names)}"
        return found

    def value(self, value: Any) -> str:
        """A new placeholder of a value."""
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = encode(value)
        return placeholder

    def parameters(self) -> dict[str, Any]:
        """The request's ``ExpressionAttributeNames`` and ``…Values``, without empty ones."""
        parameters: dict[str, Any] = {}
        if self.names:
            parameters["ExpressionAttributeNames"] = {p: n for n, p in self.names.items()}
        if self.values:
            parameters["ExpressionAttributeValues"] = self.values
        return parameters


def compile_filter(condition: Condition, to: Expressions) -> str | None:
    """The condition as an expression that is true exactly where ``holds`` is.

    None where it passes 4 KB or 300 operators.
    """
    text = _compile(condition, to).text
    return text if _within_limits(text, to) else None


def compile_guard(condition: Condition, now: int, to: Expressions) -> str:
    """The condition, for which an item past its ``ttl`` at ``now`` (Unix seconds) is no item.

    Raises ``InvalidOps``, here and elsewhere, where it passes 4 KB or 300 operators.
    """
    if condition.holds({}):
        guard = _any([_compile(condition, to), _expired(now, to)], to)
    else:
        guard = _all([_compile(condition, to), _alive(now, to)], to)
    return _checked(guard.text, to)


def compile_alive(condition: Condition | None, now: int, to: Expressions) -> str:
    """That the condition holds of an item that is not past its ``ttl`` (or is missing)."""
    parts = [_alive(now, to)] if condition is None else [_compile(condition, to), _alive(now, to)]
    return _checked(_all(parts, to).text, to)


def compile_expired(now: int, to: Expressions) -> str:
    """That the item is there and past its ``ttl`` at ``now`` (Unix seconds)."""
    return _expired(now, to).text


def compile_update(update: Update, to: Expressions) -> str:
    """The update's changes as an update expression."""
    assignments = [f"{to.name(a)}={to.value(v)}" for a, v in update.set.items()]
    if update.append:
        empty = to.value([])
        for attribute, more in update.append.items():
            name = to.name(attribute)
            assignments.append(
                f"{name}=list_append(if_not_exists({name},{empty}),{to.value(more)})"
            )
    for attribute, value in update.default.items():
        name = to.name(attribute)
        assignments.append(f"{name}=if_not_exists({name},{to.value(value)})")
    clauses = []
    if assignments:
        clauses.append("SET " + ",".join(assignments))
    if update.remove:
        clauses.append("REMOVE " + ",".join(to.name(a) for a in update.remove))
    if update.add:
        clauses.append(
            "ADD " + ",".join(f"{to.name(a)} {to.value(d)}" for a, d in update.add.items())
        )
    return _checked(" ".join(clauses), to)


def compile_projection(attributes: Iterable[str], to: Expressions) -> str:
    """The attributes as a projection expression."""
    return _checked(",".join(to.name(a) for a in dict.fromkeys(attributes)), to)


def attributes_of(condition: Condition) -> set[str]:
    """The names of the attributes that a condition looks at."""
    match condition:
        case Both(conditions) | Either(conditions):
            return {name for inner in conditions for name in attributes_of(inner)}
        case Not(inner):
            return attributes_of(inner)
        case _:
            return {condition.name}


def _within_limits(text: str, to: Expressions) -> bool:
    return len(text) <= MAX_EXPRESSION_BYTES and to.operators <= MAX_OPERATORS


def _checked(text: str, to: Expressions) -> str:
    if not _within_limits(text, to):
        raise InvalidOps(
            f"the expression has {len(text):,} bytes and {to.operators} operators; "
            f"it may have {MAX_EXPRESSION_BYTES:,} and {MAX_OPERATORS}"
        )
    return text


@dataclass(frozen=True, slots=True)
class _Term:
    """A part of an expression, and how closely it binds: DynamoDB refuses needless parentheses."""

    text: str
    binding: int = 4

    def within(self, binding: int) -> str:
        return self.text if self.binding >= binding else f"({self.text})"


_OR, _AND, _NOT = 1, 2, 3


def _compile(condition: Condition, to: Expressions) -> _Term:
    match condition:
        case Exists(name):
            return _function("attribute_exists", name, None, to)
        case Missing(name):
            return _function("attribute_not_exists", name, None, to)
        case Compare(name, op, value):
            return _comparison(name, op, value, to)
        case BeginsWith(name, prefix):
            return _text_function("begins_with", name, prefix, to)
        case Contains(name, text):
            return _text_function("contains", name, text, to)
        case OneOf(name, values):
            if not values:
                return _never(to)
            to.operators += 1
            return _Term(f"{to.name(name)} IN ({','.join(map(to.value, values))})", _NOT)
        case Length(name, op, value):
            to.operators += 2
            length = _Term(f"size({to.name(name)}){_symbol(op)}{to.value(value)}")
            has_length = _any([_has_type(name, type_, to) for type_ in _SIZED_TYPES], to)
            return _all([has_length, length], to)
        case IsMap(name):
            return _has_type(name, "M", to)
        case Both(conditions):
            if not conditions:
                return _negated(_never(to), to)
            return _all([_compile(inner, to) for inner in conditions], to)
        case Either(conditions):
            if not conditions:
                return _never(to)
            return _any([_compile(inner, to) for inner in conditions], to)
        case Not(inner):
            return _negated(_compile(inner, to), to)


def _comparison(name: str, op: Operator, value: Scalar, to: Expressions) -> _Term:
    if op not in ("=", "!=") and (value is None or isinstance(value, bool)):
        return _never(to)
    to.operators += 1
    comparison = _Term(f"{to.name(name)}{_symbol(op)}{to.value(value)}")
    if op != "!=":
        return comparison
    # DynamoDB's <> is true of a missing attribute and of one of another type.
    return _all([_has_type(name, _TYPES[type(value)], to), comparison], to)


def _text_function(function: str, name: str, text: str, to: Expressions) -> _Term:
    is_text = _has_type(name, "S", to)
    return _all([is_text, _function(function, name, text, to)], to) if text else is_text


def _has_type(name: str, type_: str, to: Expressions) -> _Term:
    return _function("attribute_type", name, type_, to)


def _function(function: str, name: str, argument: str | None, to: Expressions) -> _Term:
    to.operators += 1
    given = to.name(name) if argument is None else f"{to.name(name)},{to.value(argument)}"
    return _Term(f"{function}({given})")


def _all(terms: list[_Term], to: Expressions) -> _Term:
    if len(terms) == 1:
        return terms[0]
    to.operators += len(terms) - 1
    return _Term(" AND ".join(term.within(_AND) for term in terms), _AND)


def _any(terms: list[_Term], to: Expressions) -> _Term:
    if len(terms) == 1:
        return terms[0]
    to.operators += len(terms) - 1
    return _Term(" OR ".join(term.within(_OR) for term in terms), _OR)


def _negated(term: _Term, to: Expressions) -> _Term:
    to.operators += 1
    return _Term(f"NOT {term.within(_NOT + 1)}", _NOT)


def _never(to: Expressions) -> _Term:
    missing_and_not = [
        _function("attribute_exists", TTL, None, to),
        _function("attribute_not_exists", TTL, None, to),
    ]
    return _all(missing_and_not, to)


def _alive(now: int, to: Expressions) -> _Term:
    to.operators += 1
    later = _Term(f"{to.name(TTL)}>{to.value(now)}")
    return _any([_function("attribute_not_exists", TTL, None, to), later], to)


def _expired(now: int, to: Expressions) -> _Term:
    to.operators += 1
    return _Term(f"{to.name(TTL)}<={to.value(now)}")


def _symbol(op: Operator) -> str:
    return "<>" if op == "!=" else op
