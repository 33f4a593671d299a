"""What a write did whose answer was lost, judged by the item that its repetition met.

The SDK repeats a request whose answer was lost. The first one may have been done: then it is its
own work on which the repetition's condition fails. A transaction does not need this: the engine
recognizes it by its token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_table.apply import allowed
from dynamodbstore_table.port import Delete, Put, Update


def already_done(op: Put | Update | Delete, found: Mapping[str, Any] | None) -> bool:
    """Whether the item, as the repeated op found it, is what the op was to make of it.

    Another writer who made the same of it can't be distinguished, and need not: the table holds
    what was wanted. An update that only adds to numbers is never taken for done; one that sets
    attributes too is known by them.
    """
    match op:
        case Put(item):
            return found is not None and _holds_put(op, item, found)
        case Update():
            return found is not None and _holds_update(op, found)
        case Delete():
            return found is None


def _holds_put(op: Put, item: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    if allowed(op, None):
        # What was made new may have been added to since, by a projection.
        return all(name in found and found[name] == value for name, value in item.items())
    return found == item


def _holds_update(op: Update, found: Mapping[str, Any]) -> bool:
    if not (op.set or op.append or op.remove):
        return False
    return (
        all(name in found and found[name] == value for name, value in op.set.items())
        and all(name not in found for name in op.remove)
        and all(name in found for name in op.default)
        and all(_ends_with(found.get(name), values) for name, values in op.append.items())
    )


def _ends_with(found: Any, values: list[Any]) -> bool:
    return isinstance(found, list) and found[len(found) - len(values) :] == values
