"""The part of a filter that SQLite can test on an item's stored form, to skip rows in C.

The SQL of a prefilter holds of every item that passes the filter, and of some others: Python
decides. So it need not know of types and escapes, only of what a stored form must contain. What
SQLite can't test (a missing attribute, a negation) counts as true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from dynamodbstore_table.conditions import (
    BeginsWith,
    Both,
    Compare,
    Condition,
    Contains,
    Either,
    Exists,
    IsMap,
    OneOf,
)

_HAS: Final = "instr(body, ?)"
_NUMBER: Final = "json_extract(CAST(body AS TEXT), ?)"
_SIMPLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INT64: Final = 2**63
_MOST_CHOICES: Final = 10
_MOST_SQL: Final = 4000


@dataclass(frozen=True, slots=True)
class Prefilter:
    """A term of a WHERE clause on ``body``, with the values for its marks."""

    sql: str
    values: tuple[Any, ...]

    def of(self, alias: str) -> str:
        """The term on the ``body`` of the table that a join knows by this alias."""
        # No value and no name is in the SQL: these are bound to its marks.
        return self.sql.replace("body", f"{alias}.body")


def prefilter(condition: Condition) -> Prefilter | None:
    """A term that is true of whatever passes the condition, or None where no such term exists."""
    term = _term(condition)
    return None if term is None or len(term.sql) > _MOST_SQL else term


def _term(condition: Condition) -> Prefilter | None:
    match condition:
        case Exists(name):
            return _has_value(name, b"")
        case Compare(name, "=", value):
            return _equals(name, value)
        case Compare(name, "<" | "<=" | ">" | ">=" as op, value) if type(value) is int:
            return _number(name, op, value)
        case BeginsWith(name, prefix):
            return _has_value(name, _json(prefix)[:-1])
        case Contains(_, text):
            return _has(_json(text)[1:-1])
        case IsMap(name):
            return _has_value(name, b"{")
        case OneOf(name, values):
            return _any([_equals(name, value) for value in values[: _MOST_CHOICES + 1]])
        case Both(conditions):
            return _all([_term(inner) for inner in conditions])
        case Either(conditions):
            return _any([_term(inner) for inner in conditions])
    return None


def _equals(name: str, value: Any) -> Prefilter | None:
    if isinstance(value, bytes) or (type(value) is int and not -_INT64 <= value < _INT64):
        return None  # stored in more than one way
    return _has_value(name, _json(value))


def _number(name: str, op: str, value: int) -> Prefilter | None:
    if not _SIMPLE_NAME.fullmatch(name) or name == "PK" or not -_INT64 <= value < _INT64:
        return None
    path = f"$.{name}"
    if op in (">", ">="):
        return Prefilter(f"{_NUMBER} {op} ?", (path, value))
    # A number beyond 64 bits is stored as text, which SQLite orders above every number.
    return Prefilter(f"({_NUMBER} {op} ? OR {_NUMBER} >= '')", (path, value, path))


def _has_value(name: str, start: bytes) -> Prefilter | None:
    """An attribute whose value is written beginning so: within text, quotes are escaped."""
    key = _json(name)
    return None if name == "PK" or not key else _has(key + b":" + start)


def _has(part: bytes) -> Prefilter | None:
    return Prefilter(_HAS, (part,)) if part else None


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # not valid Unicode: no item has it
        return b""


def _all(terms: list[Prefilter | None]) -> Prefilter | None:
    known = [term for term in terms if term is not None]
    return _joined(known, " AND ") if known else None


def _any(terms: list[Prefilter | None]) -> Prefilter | None:
    known = [term for term in terms if term is not None]
    if not known or len(known) < len(terms) or len(known) > _MOST_CHOICES:
        return None
    return _joined(known, " OR ")


def _joined(terms: list[Prefilter], connective: str) -> Prefilter:
    if len(terms) == 1:
        return terms[0]
    values = tuple(value for term in terms for value in term.values)
    return Prefilter(f"({connective.join(term.sql for term in terms)})", values)
