"""Texts of registered models and versions, of any length: descriptions and tag values.

A short text stands in its item. A long one is kept beside it under an id of its own, compressed,
and the item refers to it: the text is written before the item that names it, and never changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from dynamodbstore_events.keys import Key, text_sk
from dynamodbstore_table.errors import (
    ConditionFailed,
    InvalidOps,
    ItemTooLarge,
    TransactionConflict,
)
from dynamodbstore_table.items.parts import compressed_parts, joined
from dynamodbstore_table.port import Delete, Put, Table

from mlflow_dynamodbstore.core.text_values import as_text_or_none

StoredText: TypeAlias = str | Mapping[str, Any] | None
"""What an attribute holds: the text, None, or a reference (``text``: its id, ``parts``)."""

Texts: TypeAlias = Mapping[str, str]
"""Long texts that have been read, by id."""

SHORT_BYTES: Final = 8 * 1024
_SHORT_BYTES_OF_ITEM: Final = 128 * 1024

# Of other errors nobody knows whether the write was done.
_REFUSALS: Final = (ConditionFailed, InvalidOps, ItemTooLarge, TransactionConflict)


class Gone(LookupError):
    """What an item refers to has gone since that item was read; the argument names it."""

    fault = "what is kept there is missing or damaged"
    place = "{}"


class TextReplaced(Gone):
    """A long text has gone since the item that names it was read: read both again. Where the same
    text is missing again and again, it was not replaced but is lost."""

    fault = "its text is lost"
    place = "TEXT#{}"


@dataclass(frozen=True, slots=True)
class StoredTexts:
    """The attributes of some texts, the items to write before any item that has them, and the long
    ones by id."""

    attributes: dict[str, StoredText] = field(default_factory=dict)
    puts: list[Put] = field(default_factory=list)
    long: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def written(self, table: Table) -> Iterator[None]:
        """Write the long texts, if there are any; take them back if what refers to them, which is
        written in the context, is refused and not in doubt."""
        if self.puts:
            table.bulk(self.puts)
        try:
            yield
        except _REFUSALS as error:
            if self.puts and not error.in_doubt:
                table.bulk([Delete(put.key) for put in self.puts])
            raise


def stored_texts(pk: str, texts: Mapping[str, str | None], *, beside: bool = False) -> StoredTexts:
    """How texts (by attribute name) are kept in the partition ``pk``.

    The short ones stand in the item as long as they are not too many for it; with ``beside`` none
    does. Raises ``BAD_REQUEST`` for what is no text, nor a number.
    """
    stored = StoredTexts()
    room = 0 if beside else _SHORT_BYTES_OF_ITEM
    for name, given in texts.items():
        text = as_text_or_none(given, name)
        size = 0 if text is None else len(text.encode("utf-8", "surrogatepass"))
        if text is None or size <= min(SHORT_BYTES, room):
            room -= size
            stored.attributes[name] = text
            continue
        text_id = uuid.uuid4().hex
        parts = compressed_parts(text.encode())
        stored.attributes[name] = {"text": text_id, "parts": len(parts)}
        stored.long[text_id] = text
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
                texts[stored["text"]] = joined(found[key]["z"] for key in keys).decode()
    return texts


def read_texts(table: Table, items: Iterable[Mapping[str, Any]]) -> Texts:
    """The long texts that items refer to; no request where there are none."""
    items = list(items)
    keys = long_text_keys(items)
    return texts_in(table.batch_get(keys), items) if keys else {}


def text_of(stored: StoredText, texts: Texts) -> str | None:
    """The text that an attribute stands for; raises ``TextReplaced`` if it is not in ``texts``."""
    if not isinstance(stored, Mapping):
        return stored
    if stored["text"] not in texts:
        raise TextReplaced(stored["text"])
    return texts[stored["text"]]


def replace_texts(
    table: Table,
    before: Mapping[str, Any],
    texts: Mapping[str, str | None],
    write: Callable[[dict[str, StoredText]], object],
) -> StoredTexts:
    """Let ``write`` set new texts (by attribute name) in place of those of an item that was read.

    The long ones are written first, and what they replace is removed afterwards. Where the item
    would become too large, it holds no new text itself. Raises what ``write`` raises.
    """
    stored = stored_texts(before["PK"], texts)
    try:
        with stored.written(table):
            write(stored.attributes)
    except ItemTooLarge:
        stored = stored_texts(before["PK"], texts, beside=True)
        with stored.written(table):
            write(stored.attributes)
    remove_texts(table, before, texts)
    return stored


def remove_texts(table: Table, before: Mapping[str, Any], names: Iterable[str]) -> None:
    """Remove the long texts that these attributes of an item referred to when it was read."""
    ops = _removals(before["PK"], (before.get(name) for name in names))
    if ops:
        table.bulk(ops)


def _removals(pk: str, stored: Iterable[StoredText]) -> list[Delete]:
    """The ops that remove long texts that nothing refers to any more."""
    return [
        Delete((pk, text_sk(reference["text"], n)))
        for reference in stored
        if isinstance(reference, Mapping)
        for n in range(reference["parts"])
    ]


def _is_reference(stored: Any) -> bool:
    return type(stored) is dict and "text" in stored
