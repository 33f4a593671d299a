"""Texts of registered models and versions, of any length: descriptions and tag values.

A short text stands in its item. A long one is kept beside it under an id of its own, compressed,
and the item refers to it: the text is written before the item that names it, and never changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dynamodbstore_events.keys import Key, text_sk
from dynamodbstore_table.port import Delete, Put, Table
from dynamodbstore_table.text_items import compressed_parts, text_of_parts

StoredText: TypeAlias = str | Mapping[str, Any] | None
"""What an attribute holds: the text, None, or a reference (``text``: its id, ``parts``)."""

Texts: TypeAlias = Mapping[str, str]
"""Long texts that have been read, by id."""

SHORT_BYTES: Final = 8 * 1024
_SHORT_BYTES_OF_ITEM: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class StoredTexts:
    """The attributes of some texts, and the items to write before any item that has them."""

    attributes: dict[str, StoredText]
    puts: list[Put]

    def write_long(self, table: Table) -> None:
        """Write the items of the long texts, if there are any."""
        if self.puts:
            table.bulk(self.puts)

    def take_back(self, table: Table) -> None:
        """Remove them again: no item came to refer to them."""
        if self.puts:
            table.bulk([Delete(put.key) for put in self.puts])


def stored_texts(pk: str, texts: Mapping[str, str | None], *, beside: bool = False) -> StoredTexts:
    """How texts (by attribute name) are kept in the partition ``pk``.

    The short ones stand in the item as long as they are not too many for it; with ``beside`` none
    does.
    """
    stored = StoredTexts({}, [])
    room = 0 if beside else _SHORT_BYTES_OF_ITEM
    for name, text in texts.items():
        size = 0 if text is None else len(text.encode("utf-8", "surrogatepass"))
        if text is None or size <= min(SHORT_BYTES, room):
            room -= size
            stored.attributes[name] = text
            continue
        text_id = uuid.uuid4().hex
        parts = compressed_parts(text)
        stored.attributes[name] = {"text": text_id, "parts": len(parts)}
        stored.puts.extend(
            Put({"PK": pk, "SK": text_sk(text_id, n), "z": part}) for n, part in enumerate(parts)
        )
    return stored


def long_text_keys(items: Iterable[Mapping[str, Any]]) -> list[Key]:
    """The keys of all long texts that items refer to."""
    return [
        (item["PK"], text_sk(stored["text"], n))
        for item in items
        for stored in item.values()
        if _is_reference(stored)
        for n in range(stored["parts"])
    ]


def texts_in(found: Mapping[Key, Mapping[str, Any]], items: Iterable[Mapping[str, Any]]) -> Texts:
    """The long texts that items refer to, from what was read of ``long_text_keys``.

    One that has gone is left out: its item has been changed since it was read.
    """
    texts: dict[str, str] = {}
    for item in items:
        for stored in item.values():
            if not _is_reference(stored):
                continue
            keys = [(item["PK"], text_sk(stored["text"], n)) for n in range(stored["parts"])]
            if all(key in found for key in keys):
                texts[stored["text"]] = text_of_parts(found[key]["z"] for key in keys)
    return texts


def read_texts(table: Table, items: Iterable[Mapping[str, Any]]) -> Texts:
    """The long texts that items refer to; no request where there are none."""
    items = list(items)
    keys = long_text_keys(items)
    return texts_in(table.batch_get(keys), items) if keys else {}


def text_of(stored: StoredText, texts: Texts) -> str | None:
    """The text that an attribute stands for; raises ``KeyError`` for one that has not been read."""
    if isinstance(stored, Mapping):
        return texts[stored["text"]]
    return stored


def removals(pk: str, stored: Iterable[StoredText]) -> list[Delete]:
    """The ops that remove long texts that nothing refers to any more."""
    return [
        Delete((pk, text_sk(reference["text"], n)))
        for reference in stored
        if isinstance(reference, Mapping)
        for n in range(reference["parts"])
    ]


def _is_reference(stored: Any) -> bool:
    return type(stored) is dict and "text" in stored
