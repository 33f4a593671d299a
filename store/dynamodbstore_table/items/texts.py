"""A named text (a tag, a param) as items; nothing is cut, however long it is.

Short text is the attribute ``v``. Long text is compressed into ``z``; what does not fit one item
goes on under ``<SK>#+<generation>#<n>``, and the item itself, written last, names the generation,
so that a reader sees the old text or the new one and never a mixture.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dynamodbstore_events.keys import is_hashed, unpart
from dynamodbstore_events.places import PLACE, in_place

from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.items.parts import compressed_parts, joined
from dynamodbstore_table.port import Item, Put, Update

_PLAIN_BYTES = 64 * 1024
_FORMS = ("v", "z", "generation", "parts")
_TEXTS = frozenset({str, type(None)})


@dataclass(frozen=True, slots=True)
class TextItems:
    """The item of a text, and the parts that must be written before it (seldom any)."""

    item: Item
    parts: tuple[Put, ...] = ()

    def put(self, place: int) -> Put:
        """The op that writes the text anew, at a place, whatever was there."""
        return Put({**self.item, PLACE: place})

    def update(self, place: int, condition: Condition | None = None) -> Update:
        """The op that writes the text where it stands already, or else at a place."""
        kept = {name: value for name, value in self.item.items() if name not in ("PK", "SK")}
        others = tuple(name for name in _FORMS if name not in kept)
        key = self.item["PK"], self.item["SK"]
        return Update(key, kept, others, condition=condition, default={PLACE: place})


def parts_of(texts: Iterable[TextItems]) -> list[Put]:
    """The parts of all of the texts."""
    return [part for text in texts for part in text.parts]


def text_items(pk: str, sk: str, name: str, text: str | None) -> TextItems:
    """The items that keep ``text`` under ``(pk, sk)``; ``name`` is what the sort key stands for."""
    item: Item = {"PK": pk, "SK": sk}
    if is_hashed(sk.partition("#")[2]):
        item["k"] = name
    if text is not None and not isinstance(text, str):
        raise InvalidOps(f"{name!r} has the value {text!r}, which is not text")
    if text is None or len(text) * 4 <= _PLAIN_BYTES or len(text.encode()) <= _PLAIN_BYTES:
        item["v"] = text
        return TextItems(item)
    chunks = compressed_parts(text.encode())
    if len(chunks) == 1:
        item["z"] = chunks[0]
        return TextItems(item)
    generation = uuid.uuid4().hex
    item["generation"] = generation
    item["parts"] = len(chunks)
    return TextItems(
        item,
        tuple(
            Put({"PK": pk, "SK": f"{sk}#+{generation}#{n:04d}", "z": chunk})
            for n, chunk in enumerate(chunks)
        ),
    )


def text_name(item: Mapping[str, Any]) -> str:
    """The name of a text: its tag or param key."""
    if "k" in item:
        name: str = item["k"]
        return name
    return unpart(item["SK"].partition("#")[2])


def is_part(sk: str) -> bool:
    """Whether a sort key is that of a long text's part."""
    return "#+" in sk


def text_of(item: Mapping[str, Any], parts: Mapping[str, bytes]) -> str | None:
    """The text that an item keeps; ``parts`` are the partition's parts by sort key."""
    if "v" in item:
        text: str | None = item["v"]
        return text
    if "z" in item:
        return joined([item["z"]]).decode()
    prefix = f"{item['SK']}#+{item['generation']}#"
    return joined(parts[f"{prefix}{n:04d}"] for n in range(item["parts"])).decode()


def texts(items: Iterable[Mapping[str, Any]]) -> dict[str, str | None]:
    """Every text among a partition's items of one kind, by name, in the order of their places."""
    items = in_place(items)
    parts = {item["SK"]: item["z"] for item in items if is_part(item["SK"])}
    return {text_name(item): text_of(item, parts) for item in items if not is_part(item["SK"])}


def require_texts(*named: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` where a value among texts is neither text nor None: its item is
    damaged."""
    for values in named:
        if not _TEXTS.issuperset(map(type, values.values())):
            raise TypeError("an item of a text holds something else")
