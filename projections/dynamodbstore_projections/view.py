"""What one pass of the projector reads: consistent, each item once, however many need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_events.keys import META, Key
from dynamodbstore_events.shapes import shape_check
from dynamodbstore_table.errors import DamagedItem
from dynamodbstore_table.items.forms import STEPS, current, is_known
from dynamodbstore_table.port import EVERY, Item, SortRange, Table


class View:
    """The table as one pass sees it. A pass that repeats takes a new view.

    ``removed`` has the entities whose META item has just expired, with that item as it was, or
    empty where the event had no old image. It is a hint: the item may be back.
    """

    def __init__(self, table: Table, removed: Mapping[Entity, Item] | None = None) -> None:
        self.table = table
        self.removed: Mapping[Entity, Item] = removed or {}
        self._items: dict[Key, Item | None] = {}
        self._ranges: dict[tuple[str, SortRange], list[Item]] = {}

    def damaged(self, pk: str) -> DamagedItem | None:
        """The first item that was read and is not of the shape that the store writes; those of the
        partition ``pk`` come before others that its projections looked at."""
        read = (*filter(None, self._items.values()), *chain.from_iterable(self._ranges.values()))
        check = shape_check()
        for item in sorted(read, key=lambda item: bool(item["PK"] != pk)):
            fault = check.fault(item)
            if fault is not None:
                return DamagedItem((item["PK"], item["SK"]), fault)
        return None

    def prefetch(self, keys: Iterable[Key]) -> None:
        """Read many items in few requests before they are needed one by one."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._items]
        if len(wanted) == 1:
            self._items[wanted[0]] = self.table.get(wanted[0])
        elif wanted:
            found = self.table.batch_get(wanted)
            self._items.update({key: found.get(key) for key in wanted})

    def get(self, key: Key) -> Item | None:
        """The item, or None."""
        if key not in self._items:
            self._items[key] = self.table.get(key)
        return self._items[key]

    def meta(self, pk: str) -> Item | None:
        """The META item of an entity in the newest form, or None; raises ``NewerForm``."""
        found = self.get((pk, META))
        entity = entity_of(pk)
        if found is None or entity is None or entity.kind not in STEPS:
            return found
        return current(entity.kind, found)

    def knows(self, entity: Entity) -> bool:
        """Whether this code knows the form of an entity; true where the entity does not exist."""
        found = self.get((entity.pk, META))
        return found is None or is_known(entity.kind, found)

    def items(self, pk: str, sk: SortRange = EVERY) -> list[Item]:
        """The items of a partition, or of a part of it, in sort key order."""
        known = self._ranges.get((pk, sk))
        if known is None:
            known = self.table.partitions([pk], sk=sk)[pk]
            self._ranges[pk, sk] = known
        return known

    def prefetch_items(self, pks: Iterable[str], sk: SortRange = EVERY) -> None:
        """Read the same part of many partitions side by side."""
        wanted = [pk for pk in dict.fromkeys(pks) if (pk, sk) not in self._ranges]
        if wanted:
            found: Mapping[str, Any] = self.table.partitions(wanted, sk=sk)
            self._ranges.update({(pk, sk): items for pk, items in found.items()})
