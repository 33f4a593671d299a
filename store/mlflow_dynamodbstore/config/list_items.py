"""``CONFIG`` items that are a list: ops that change them, each under the condition that the list is
as long as it was read. Whoever adds to a list makes it longer, so nothing that was added is lost.

DynamoDB's console also makes sets of strings. One reads as a list, and becomes one when it changes.
"""

from __future__ import annotations

from collections.abc import Iterable

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_table.conditions import (
    ITEM_EXISTS,
    ITEM_MISSING,
    Condition,
    Exists,
    Length,
    Missing,
    Not,
    both,
    either,
    equals,
)
from dynamodbstore_table.port import Delete, Item, Put, Update


def append_values(item: Item | None, sk: str, name: str, values: Iterable[str]) -> Put | Update:
    """Add values to the list."""
    if item is None:
        return Put({"PK": CONFIG, "SK": sk, name: list(values)}, ITEM_MISSING)
    as_long = Length(name, "=", len(item[name]))
    return Update((CONFIG, sk), append={name: list(values)}, condition=as_long)


def append_to_set(item: Item | None, sk: str, name: str, values: Iterable[str]) -> Put:
    """Add values to what is no list but a set of strings."""
    if item is None:
        return Put({"PK": CONFIG, "SK": sk, name: list(values)}, ITEM_MISSING)
    return Put({"PK": CONFIG, "SK": sk, name: [*item[name], *values]}, _no_list(name))


def replace_values(
    item: Item | None, sk: str, name: str, values: Iterable[str], *, remove_empty: bool = False
) -> Put | Delete:
    """Write the item with these values alone; none at all with ``remove_empty`` and no values."""
    listed = list(values)
    if remove_empty and not listed:
        return Delete((CONFIG, sk), _as_long(item, name))
    return Put({"PK": CONFIG, "SK": sk, name: listed}, _as_long(item, name))


def _as_long(item: Item | None, name: str) -> Condition:
    if item is None:
        return ITEM_MISSING
    if name not in item:
        return both(ITEM_EXISTS, Missing(name))
    value = item[name]
    if not isinstance(value, list):
        return equals(name, value) if isinstance(value, str | int | None) else Exists(name)
    return either(Length(name, "=", len(value)), _no_list(name))


def _no_list(name: str) -> Condition:
    return both(Exists(name), Not(Length(name, ">=", 0)))
