"""Conditions as functions of an item: what ``holds`` says, in a third of its time.

Worth it for a condition that many items are tested with.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, TypeAlias

from dynamodbstore_table.conditions import (
    Both,
    Compare,
    Condition,
    Either,
    Exists,
    IsMap,
    Missing,
    Not,
    Operator,
    holds,
)
from dynamodbstore_table.port import Item

Test: TypeAlias = Callable[[Item], bool]

_RELATIONS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def compiled(condition: Condition) -> Test:
    """The function that ``holds`` is for this condition."""
    match condition:
        case Exists(name):
            return lambda item: name in item
        case Missing(name):
            return lambda item: name not in item
        case Compare(name, "=", str(value)) if type(value) is str:
            return lambda item: item.get(name) == value
        case Compare(name, op, value) if type(value) in (str, int, bytes):
            return _comparison(name, op, value)
        case IsMap(name):
            return lambda item: type(item.get(name)) is dict
        case Both(conditions):
            return _all([compiled(inner) for inner in conditions])
        case Either(conditions):
            return _any([compiled(inner) for inner in conditions])
        case Not(inner):
            test = compiled(inner)
            return lambda item: not test(item)
    return lambda item: holds(condition, item)


def _comparison(name: str, op: Operator, value: Any) -> Test:
    kind, related = type(value), _RELATIONS[op]

    def test(item: Item) -> bool:
        found = item.get(name)
        return type(found) is kind and related(found, value)

    return test


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda item: first(item) and second(item)

    def test(item: Item) -> bool:
        for each in tests:  # noqa: SIM110
            if not each(item):
                return False
        return True

    return test


def _any(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda item: first(item) or second(item)

    def test(item: Item) -> bool:
        for each in tests:  # noqa: SIM110
            if each(item):
                return True
        return False

    return test
