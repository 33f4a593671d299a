"""How the values that clauses and orders are on are found, for many candidates at once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dynamodbstore_events.keys import Key
from dynamodbstore_events.metric_values import decode_point
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.tags.reader import denormalized_tag, known_tag
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.items.texts import text_of
from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore.search.clause import Clause, Field, Row
from mlflow_dynamodbstore.search.pushdown import tag_condition

_VALUE_ATTRIBUTES = ("v", "z", "generation", "parts", "nan", "last")
_READS_OF_A_MOVING_TEXT = 5


class Place(Enum):
    """The one place where a clause is decided, in words. ``{}`` stands for sort keys."""

    KEYS = "by the keys of the listing"
    TABLE = "by the table's filter"
    LISTED = "from {}"
    TAG = "from {} that have the tag, else from its item"
    JOINED = "from items {}, joined to the listing"
    ITEMS = "from items {}, read of each candidate"


@dataclass(slots=True)
class Candidate:
    """What may match: a row of a listing, and the values found so far."""

    row: Row
    values: dict[Field, Any] = field(default_factory=dict)


class Values(ABC):
    """Finds the values of some kinds of fields."""

    @abstractmethod
    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        """Put the values of the fields that exist into ``candidate.values``, in as few requests as
        possible."""

    @abstractmethod
    def sort_key(self, on: Field) -> str:
        """Where the values of a field are, in words."""

    def decided(self, clause: Clause) -> tuple[Place, Condition | None]:
        """Where a clause is decided, and a condition on the row that is true wherever it holds."""
        return Place.ITEMS, None


@dataclass(frozen=True, slots=True)
class ItemValues(Values):
    """Of tags, params and latest metrics, each an item under a sort key of its own.

    They are read by key, but for the tags that rows have already (``on_row``: the attributes of
    rows that hold them, or stand for tags that rows don't have), and for the items that came with
    a row from a listing that was joined with them.
    """

    sort_keys: Mapping[str, Callable[[str], str]]
    on_row: Mapping[Field, str] = field(default_factory=dict)

    def sort_key(self, on: Field) -> str:
        return self.sort_keys[on.kind](on.key)

    def decided(self, clause: Clause) -> tuple[Place, Condition | None]:
        attribute = self.on_row.get(clause.on)
        if attribute is None:
            return Place.ITEMS, None
        return Place.TAG, tag_condition(attribute, clause.comparator, clause.value)

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        wanted: list[tuple[Candidate, Field, Key]] = []
        for on in dict.fromkeys(fields):
            sk, attribute = self.sort_key(on), self.on_row.get(on)
            for candidate in candidates:
                if on in candidate.values:
                    continue
                row = candidate.row
                joined = row.get(sk)
                if joined is not None and not in_parts(joined):
                    candidate.values[on] = value_of(joined)
                    continue
                known = None if attribute is None else known_tag(row, attribute)
                if known is None:
                    wanted.append((candidate, on, (row["PK"], sk)))
                elif known.text is not None:
                    candidate.values[on] = known.text
        if not wanted:
            return
        found = read_values(table, [key for _, _, key in wanted])
        for candidate, on, key in wanted:
            if key in found:
                candidate.values[on] = found[key]


def tags_on_rows(config: Config, tags: Iterable[Field], scopes: Sequence[str]) -> dict[Field, str]:
    """``ItemValues.on_row`` of tags: those that the rows of every scope have, as it is built."""
    on_row: dict[Field, str] = {}
    for on in tags:
        names = {denormalized_tag(config, scope, on.key) for scope in scopes}
        name = names.pop() if len(names) == 1 else None
        if name is not None:
            on_row[on] = name
    return on_row


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
    """The value in an item alone: text (None: NULL), or a float for a metric."""
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
