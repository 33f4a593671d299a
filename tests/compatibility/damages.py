"""Damages: items as others may leave them, each attribute in turn missing or of another type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dynamodbstore_events.keys import CONFIG, Key
from dynamodbstore_events.shapes import SHAPES, shape_kind
from dynamodbstore_table.port import Item

_KEY = frozenset({"PK", "SK"})
_INDEXED = frozenset({"gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"})
_OTHERS: tuple[Any, ...] = (7, "other", b"\x01", ["a", 1], {"a": 1}, None, True)


@dataclass(frozen=True)
class Damage:
    """An item that is damaged (``item``), as it was, and what was done to it."""

    item: Item
    before: Item
    what: str

    @property
    def key(self) -> Key:
        return self.item["PK"], self.item["SK"]

    def __str__(self) -> str:
        kind = " ".join(shape_kind(*self.key) or (self.key[0].partition("#")[0], self.key[1]))
        return f"{kind}: {self.what}"


def damages(items: Iterable[Item]) -> Iterator[Damage]:
    """Of one item of each kind and set of attributes, every attribute missing, and with values of
    every other type. No engine takes another type for an index's key."""
    seen = set()
    for item in items:
        kind = shape_kind(item["PK"], item["SK"]) or (item["PK"].partition("#")[0], "")
        if item["PK"] == CONFIG:
            kind = CONFIG, item["SK"]
        shape = kind, frozenset(item)
        if shape in seen or kind[0] in ("FTS",):
            continue
        seen.add(shape)
        for name in sorted(item.keys() - _KEY):
            without = {n: v for n, v in item.items() if n != name}
            yield Damage(without, item, f"{name} missing")
            if name not in _INDEXED and name != "ttl":
                for other in _OTHERS:
                    if type(other) is not type(item[name]):
                        yield Damage({**item, name: other}, item, f"{name} = {other!r}")


__all__ = ["SHAPES", "Damage", "damages"]
