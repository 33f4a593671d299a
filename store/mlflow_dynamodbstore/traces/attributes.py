"""Texts of any length as attributes of one item: the tags and metadata of a trace, its assessments.

An attribute holds a text up to 4 KB as it is, and a longer one compressed. What is longer than
64 KB when compressed, or finds no room in the item, is an item of its own (``MORE#<name>``) beside
it, and the item then lacks the attribute. So a text is changed by one update of one attribute,
whoever else changes the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dynamodbstore_events.keys import MORE, Key, more_sk
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.errors import ItemTooLarge
from dynamodbstore_table.items.texts import text_items, texts
from dynamodbstore_table.port import Put, Table, Update
from dynamodbstore_table.schema import TTL

CHANGES: Final = "n"
"""The attribute that counts an item's changes."""

_PLAIN_BYTES: Final = 4 * 1024
_ATTRIBUTE_BYTES: Final = 64 * 1024
_ATTRIBUTES_IN_ONE_UPDATE: Final = 80


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
    """Every text under ``sort_key`` of a partition, by attribute; ``items`` are the partition's."""
    items = list(items)
    found: dict[str, str | None] = {}
    long = texts(item for item in items if item["SK"].startswith(MORE))
    prefix = f"{sort_key}|"
    for name, text in long.items():
        if name.startswith(prefix):
            found[name[len(prefix) :]] = text
    for item in items:
        if item["SK"] == sort_key:
            found.update(
                (name, unpacked(value)) for name, value in item.items() if _is_text_name(name)
            )
    return found


def _is_text_name(name: str) -> bool:
    return ":" in name


@dataclass(frozen=True, slots=True)
class TextChange:
    """A change of an item's texts: ``apart`` is written first (long texts), then ``update``."""

    apart: tuple[Put, ...]
    update: Update


def text_change(
    key: Key,
    values: Mapping[str, str | None],
    *,
    ttl: int | None = None,
    condition: Condition | None = None,
    remove: tuple[str, ...] = (),
) -> TextChange:
    """Set attributes of an item to texts, and count the change; others stay as they are.

    Attribute names hold a ``:``; ``ttl`` is in Unix seconds. What is many is long: from the most
    attributes that one update may set on, the rest are written apart.
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
    if ttl is not None:
        kept[TTL] = ttl
    update = Update(key, set=kept, remove=(*remove, *large), add={CHANGES: 1}, condition=condition)
    return TextChange(_apart(key, large, ttl), update)


def all_apart(
    key: Key, values: Mapping[str, str | None], change: TextChange, ttl: int | None = None
) -> TextChange:
    """The same change for an item without room: every text is an item of its own."""
    set_only = {name: value for name, value in change.update.set.items() if name not in values}
    remove = tuple({*change.update.remove, *values})
    update = replace(change.update, set=set_only, remove=remove)
    return TextChange(_apart(key, values, ttl), update)


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
    try:
        write_change(table, change)
    except ItemTooLarge:
        write_change(table, all_apart(key, values, change, ttl))


def write_change(table: Table, change: TextChange) -> None:
    """Write what is apart, then the item; raises ``ConditionFailed`` and ``ItemTooLarge``."""
    if change.apart:
        table.bulk(change.apart)
    table.write(change.update)
