"""What an op makes of an item, and whether its condition lets it, computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Item, Op, Put, Update

_NO_ITEM: Mapping[str, Any] = {}


def expired(item: Mapping[str, Any], now: float) -> bool:
    """Whether the item's time to live has passed at ``now`` (Unix seconds)."""
    ttl = item.get("ttl")
    return type(ttl) is int and ttl <= now


def allowed(op: Op, item: Mapping[str, Any] | None) -> bool:
    """Whether the op's condition holds for the item as it is (None: no item)."""
    condition = op.condition
    return condition is None or condition.holds(_NO_ITEM if item is None else item)


def applied(op: Put | Update, item: Mapping[str, Any] | None) -> Item:
    """The item after the op; raises ``InvalidOps`` as ``updated`` does."""
    return op.item if isinstance(op, Put) else updated(op, item)


def updated(op: Update, item: Mapping[str, Any] | None) -> Item:
    """The item after the update, as a new dict.

    Raises ``InvalidOps`` where ``add`` or ``append`` meets a value of another type.
    """
    after: Item = {"PK": op.key[0], "SK": op.key[1]} if item is None else dict(item)
    if op.add:
        for name, amount in op.add.items():
            after[name] = _sum(name, after.get(name, 0), amount, op)
    if op.append:
        for name, values in op.append.items():
            after[name] = _joined(name, after.get(name, []), values, op)
    if op.set:
        after.update(op.set)
    if op.default:
        for name, value in op.default.items():
            after.setdefault(name, value)
    for name in op.remove:
        after.pop(name, None)
    return after


def _sum(name: str, found: Any, amount: Any, op: Update) -> int:
    if type(found) is not int or type(amount) is not int:
        raise InvalidOps(f"can't add {amount!r} to {name} = {found!r}: not whole numbers", (op,))
    return found + amount


def _joined(name: str, found: Any, values: Any, op: Update) -> list[Any]:
    if not isinstance(found, list) or not isinstance(values, list):
        raise InvalidOps(f"can't append {values!r} to {name} = {found!r}: not lists", (op,))
    return found + values
