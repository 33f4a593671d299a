"""The item ``CONFIG``/``TTL_POLICY``: what it comes to, and the op that writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import TTL_FIELDS, TTL_POLICY, TtlPolicy, config_from_items
from dynamodbstore_table.conditions import (
    ITEM_EXISTS,
    ITEM_MISSING,
    Condition,
    Exists,
    Missing,
    both,
    equals,
)
from dynamodbstore_table.port import Item, Put

DEFAULT_DAYS: Final = {name: int(getattr(TtlPolicy(), name)) for name in TTL_FIELDS}
"""The days of each field where nobody has said otherwise."""


def policy_of(item: Mapping[str, Any] | None, days: Mapping[str, int]) -> dict[str, int]:
    """The whole policy: ``days`` over what the item says over the defaults.

    Raises ``InvalidConfig`` for what is wrong with the item that ``days`` do not replace.
    """
    said = {name: value for name, value in (item or {}).items() if name in TTL_FIELDS}
    policy = {**DEFAULT_DAYS, **said, **days}
    config_from_items([{"SK": TTL_POLICY, **policy}])
    return policy


def put_policy(item: Item | None, policy: Mapping[str, int]) -> Put:
    """Write the policy in place of the item, if that is still as it was read."""
    return Put({"PK": CONFIG, "SK": TTL_POLICY, **policy}, _fields_as_read(item))


def _fields_as_read(item: Item | None) -> Condition:
    if item is None:
        return ITEM_MISSING
    return both(ITEM_EXISTS, *(_as_read(item, name) for name in TTL_FIELDS))


def _as_read(item: Item, name: str) -> Condition:
    if name not in item:
        return Missing(name)
    value = item[name]
    return equals(name, value) if isinstance(value, str | int | bytes) else Exists(name)
