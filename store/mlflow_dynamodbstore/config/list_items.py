"""``CONFIG`` items that are a list: ops that change them, each under the condition that the list is
as long as it was read. Whoever adds to a list makes it longer, so nothing that was added is lost.
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
    both,
)
from dynamodbstore_table.port import Delete, Item, Put, Update


def append_values(item: Item | None, sk: str, name: str, values: Iterable[str]) -> Put | Update:
    """Add values to the list."""
    if item is None:
        return Put({"PK": CONFIG, "SK": sk, name: list(values)}, ITEM_MISSING)
    return Update((CONFIG, sk), append={name: list(values)}, condition=_as_long(item, name))


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
    if isinstance(item.get(name), list):
        return Length(name, "=", len(item[name]))
    return both(ITEM_EXISTS, Exists(name) if name in item else Missing(name))
