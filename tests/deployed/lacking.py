"""What the projections of a table still lack, found without writing anything."""

from __future__ import annotations

from collections.abc import Iterable

from dynamodbstore_events.entities import EXPERIMENT, REGISTERED_MODEL, RUN, entity_of
from dynamodbstore_events.keys import Key
from dynamodbstore_projections.all import lifecycle_projections, search_projections
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.view import View
from dynamodbstore_table.port import EVERY, Item, SortRange, Table

_KINDS = (EXPERIMENT, RUN, REGISTERED_MODEL)


class Snapshot(View):
    """A view of the whole table as one scan read it."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.partitions: dict[str, dict[str, Item]] = {}
        for item in _scan(table):
            self.partitions.setdefault(item["PK"], {})[item["SK"]] = item

    def prefetch(self, keys: Iterable[Key]) -> None:
        pass

    def prefetch_items(self, pks: Iterable[str], sk: SortRange = EVERY) -> None:
        pass

    def get(self, key: Key) -> Item | None:
        return self.partitions.get(key[0], {}).get(key[1])

    def items(self, pk: str, sk: SortRange = EVERY) -> list[Item]:
        return [
            item
            for key, item in sorted(self.partitions.get(pk, {}).items())
            if (sk.low is None or key >= sk.low) and (sk.high is None or key <= sk.high)
        ]


def lacking(table: Table) -> dict[str, list[str]]:
    """By projection, the partitions of the entities whose items it has yet to write."""
    config = ConfigSource(table, ("description",)).read()
    view = Snapshot(table)
    found: dict[str, list[str]] = {}
    for pk in view.partitions:
        entity = entity_of(pk)
        if entity is None or entity.kind not in _KINDS:
            continue
        for projection in (*search_projections(), *lifecycle_projections()):
            if projection.writes(entity, view, config):
                found.setdefault(projection.name, []).append(pk)
    return found


def _scan(table: Table) -> Iterable[Item]:
    page = table.scan()
    yield from page.items
    while page.next is not None:
        page = table.scan(start=page.next)
        yield from page.items
