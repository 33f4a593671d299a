"""Texts of any length as attributes of one item: the tags and metadata of a trace, its assessments.

An attribute holds a text up to 4 KB as it is, and a longer one compressed. What is longer than
64 KB when compressed, or finds no room in the item, is an item of its own (``MORE#<name>``) beside
it, to which the attribute, an empty map, refers. So a text is changed by one update of one
attribute, whoever else changes the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from dynamodbstore_events.keys import MORE, Key, more_sk
from dynamodbstore_table.conditions import Condition, equals
from dynamodbstore_table.errors import ConditionFailed, ItemTooLarge
from dynamodbstore_table.items.texts import text_items, texts
from dynamodbstore_table.port import Put, Table, Update
from dynamodbstore_table.schema import TTL

CHANGES: Final = "n"
"""The attribute that counts an item's changes."""

_PLAIN_BYTES: Final = 4 * 1024
_ATTRIBUTE_BYTES: Final = 64 * 1024
_ATTRIBUTES_IN_ONE_UPDATE: Final = 80
_ROOM_BYTES: Final = 150 * 1024


def packed(text: str | None) -> str | bytes | None:
    """A text as an attribute's value: compressed where it is longer than 4 KB."""
    if text is None or len(text) * 4 <= _PLAIN_BYTES:
        return text
    data = text.encode("utf-8", "surrogatepass")
    return text if len(data) <= _PLAIN_BYTES else zlib.compress(data)


def unpacked(value: Any) -> str | None:
    """The inverse of ``packed``."""
    if isinstance(value, bytes):
        return zlib.decompress(value).decode("utf-8", "surrogatepass")
    text: str | None = value
    return text


def texts_of(items: Iterable[Mapping[str, Any]], sort_key: str) -> dict[str, str | None]:
    """Every text under ``sort_key`` of a partition, by attribute; ``items`` are the partition's.

    A text apart whose item is not among them is left out.
    """
    items = list(items)
    item = next((item for item in items if item["SK"] == sort_key), {})
    apart = {name for name, value in item.items() if isinstance(value, dict)}
    found = {
        name: unpacked(value) for name, value in item.items() if ":" in name and name not in apart
    }
    if apart:
        long = texts(item for item in items if item["SK"].startswith(MORE))
        found |= {
            name: long[f"{sort_key}|{name}"] for name in apart if f"{sort_key}|{name}" in long
        }
    return found


def has_apart(item: Mapping[str, Any]) -> bool:
    """Whether some texts of the item are items of their own."""
    return any(isinstance(value, dict) for value in item.values())


@dataclass(frozen=True, slots=True)
class TextChange:
    """A change of an item's texts: ``apart`` is written first (long texts), then the updates, the
    first of which carries the condition."""

    apart: tuple[Put, ...]
    updates: tuple[Update, ...]


def text_change(
    key: Key,
    values: Mapping[str, str | None],
    *,
    ttl: int | None = None,
    condition: Condition | None = None,
    remove: tuple[str, ...] = (),
) -> TextChange:
    """Set attributes of an item to texts, and count the change; others stay as they are.

    Attribute names hold a ``:``; ``ttl`` is in Unix seconds.
    """
    kept: dict[str, Any] = {}
    large: dict[str, str | None] = {}
    for name, text in values.items():
        value = packed(text)
        long = isinstance(value, bytes) and len(value) > _ATTRIBUTE_BYTES
        if long or len(kept) >= _ATTRIBUTES_IN_ONE_UPDATE:
            large[name] = text
        else:
            kept[name] = value
    referring = list(large)
    always = {} if ttl is None else {TTL: ttl}
    updates = []
    for first in range(0, max(1, len(referring)), _ATTRIBUTES_IN_ONE_UPDATE):
        names = referring[first : first + _ATTRIBUTES_IN_ONE_UPDATE]
        references: dict[str, Any] = {name: {} for name in names}
        updates.append(Update(key, set={**always, **references}, add={CHANGES: 1}))
    updates[-1] = replace(updates[-1], set={**updates[-1].set, **kept})
    updates[0] = replace(updates[0], remove=remove, condition=condition)
    return TextChange(_apart(key, large, ttl), tuple(updates))


def _apart(key: Key, values: Mapping[str, str | None], ttl: int | None) -> tuple[Put, ...]:
    pk, sk = key
    puts: list[Put] = []
    for name, text in values.items():
        written = text_items(pk, more_sk(f"{sk}|{name}"), f"{sk}|{name}", text)
        puts += (*written.parts, Put(written.item))
    return tuple(puts if ttl is None else (Put({**put.item, TTL: ttl}) for put in puts))


def write_texts(
    table: Table,
    key: Key,
    values: Mapping[str, str | None],
    *,
    ttl: int | None = None,
    condition: Condition | None = None,
    remove: tuple[str, ...] = (),
) -> None:
    """Write a ``text_change``; raises ``ConditionFailed``."""
    change = text_change(key, values, ttl=ttl, condition=condition, remove=remove)
    if change.apart:
        table.bulk(change.apart)
    for update in change.updates:
        try:
            table.write(update)
        except ItemTooLarge:
            _make_room(table, key)
            table.write(update)


def _make_room(table: Table, key: Key) -> None:
    """Move the longest texts of a full item into items of their own."""
    item = table.get(key)
    if item is None:
        return
    lengths = {
        name: len(value) for name, value in item.items() if ":" in name and value and value != {}
    }
    moved: list[str] = []
    for name in sorted(lengths, key=lambda name: -lengths[name]):
        if sum(lengths[name] for name in moved) >= _ROOM_BYTES:
            break
        moved.append(name)
    long = {name: unpacked(item[name]) for name in moved}
    table.bulk(_apart(key, long, item.get(TTL)))
    # Whoever has changed the item meanwhile has moved it on: then there may be room already.
    unchanged = equals(CHANGES, item[CHANGES])
    names = iter(moved)
    while chosen := list(islice(names, _ATTRIBUTES_IN_ONE_UPDATE)):
        references: dict[str, Any] = {name: {} for name in chosen}
        try:
            table.write(Update(key, set=references, condition=unchanged))
        except ConditionFailed:
            return
