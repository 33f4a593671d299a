"""The values of tags, params and latest metrics: what clauses and orders need.

They are read by key, but for the tags that META items tell already, and for the items that came
with META from a listing that was joined with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from dynamodbstore_events.keys import Key
from dynamodbstore_events.metric_values import decode_point
from dynamodbstore_projections.tags.reader import known_tag
from dynamodbstore_table.port import Item, Table
from dynamodbstore_table.text_items import text_of

_VALUE_ATTRIBUTES = ("v", "z", "generation", "parts", "nan", "last")
_READS_OF_A_MOVING_TEXT = 5


def values_of(
    table: Table, wanted: Iterable[tuple[Mapping[str, Any], str]], on_meta: Mapping[str, str]
) -> dict[Key, Any]:
    """The values that exist of ``wanted``, pairs of an entity's META item and a sort key.

    ``on_meta`` names by sort key the attributes of META that tell tags; an item is read only where
    META doesn't tell, and doesn't bring the item.
    """
    told: dict[Key, Any] = {}
    keys: list[Key] = []
    for meta, sk in wanted:
        joined = meta.get(sk)
        if joined is not None and not in_parts(joined):
            told[meta["PK"], sk] = value_of(joined)
            continue
        attribute = on_meta.get(sk)
        known = None if attribute is None else known_tag(meta, attribute)
        if known is None:
            keys.append((meta["PK"], sk))
        elif known.text is not None:
            told[meta["PK"], sk] = known.text
    return told | read_values(table, keys) if keys else told


def read_values(table: Table, keys: Iterable[Key]) -> dict[Key, Any]:
    """The value of each item that exists: text (None: NULL), or a float for a metric.

    A metric's NaN is NaN. Texts kept in parts are put together.
    """
    # Naming attributes spares a network the packed points of metrics, and costs a file time.
    items = table.batch_get(keys, attributes=_VALUE_ATTRIBUTES if table.remote else None)
    values: dict[Key, Any] = {}
    long: dict[Key, Item] = {}
    for key, item in items.items():
        if in_parts(item):
            long[key] = item
        else:
            values[key] = value_of(item)
    return values | _long_texts(table, long) if long else values


def in_parts(item: Mapping[str, Any]) -> bool:
    """Whether it is the item of a text that is kept in other items."""
    return "parts" in item


def value_of(item: Mapping[str, Any]) -> Any:
    """The value that an item tells alone: text (None: NULL), or a float for a metric."""
    if item["SK"].startswith("METRIC#"):
        return math.nan if "nan" in item else decode_point(item["last"])[2]
    return text_of(item, {})


def _long_texts(table: Table, items: Mapping[Key, Item]) -> dict[Key, str | None]:
    texts: dict[Key, str | None] = {}
    for _ in range(_READS_OF_A_MOVING_TEXT):
        parts = table.batch_get(
            [part for key, item in items.items() for part in _part_keys(key, item)]
        )
        moved: list[Key] = []
        for key, item in items.items():
            found = {p[1]: parts[p]["z"] for p in _part_keys(key, item) if p in parts}
            if "parts" in item and len(found) < item["parts"]:
                moved.append(key)
            else:
                texts[key] = text_of(item, found)
        if not moved:
            break
        # Another text was written meanwhile and the parts of this one are gone: look again.
        items = table.batch_get(moved, attributes=_VALUE_ATTRIBUTES)
    return texts


def _part_keys(key: Key, item: Mapping[str, Any]) -> list[Key]:
    pk, sk = key
    parts: int = item.get("parts", 0)
    return [(pk, f"{sk}#+{item['generation']}#{n:04d}") for n in range(parts)]
