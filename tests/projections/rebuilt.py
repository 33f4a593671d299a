"""What the projections should be: rebuilt from nothing but the canonical items."""

from __future__ import annotations

from collections.abc import Mapping

from dynamodbstore_events.entities import EXPERIMENT, RUN, entity_of
from dynamodbstore_events.keys import META, POSTING_MARK, SUMMARY, Key
from dynamodbstore_projections.expiry.records import is_due
from dynamodbstore_projections.summary.projection import ENDED
from dynamodbstore_projections.tags.projection import ON_META, TAGGED
from dynamodbstore_table.port import Item, Put, Table

from tests.projections.entities import everything
from tests.projections.world import kept_by, projector, raise_what_no_retry_heals

_PROJECTED = ("FTS#", POSTING_MARK, "SUMMARY#")
_RECORD = "EXPIRED#"
_STAMPS = ("ttl", "expires")


def canonical(items: Mapping[Key, Item]) -> list[Item]:
    """The items without what projections keep.

    Tombstones stay, and so do records of what has gone: they can't be made again.
    """
    return [
        _canonical(item)
        for (pk, sk), item in items.items()
        if not pk.startswith(_PROJECTED)
        and not (pk.startswith(_RECORD) and (pk.removeprefix(_RECORD), META) in items)
    ]


def _canonical(item: Item) -> Item:
    entity = entity_of(item["PK"])
    if item["SK"] != META or entity is None or entity.kind not in (EXPERIMENT, RUN):
        return item
    return {
        name: value
        for name, value in item.items()
        if name not in _STAMPS and name != TAGGED and not name.startswith(ON_META)
    }


def rebuilt(items: Mapping[Key, Item], empty: Table) -> dict[Key, Item]:
    """All items as they are when every projection is made anew."""
    found = canonical(items)
    empty.bulk(Put(item) for item in found)
    entities = {entity_of(item["PK"]): None for item in found}
    for kept in kept_by().values():
        report = projector(empty, kept).project_entities(e for e in entities if e is not None)
        raise_what_no_retry_heals(report)
        assert not report.failed
    return everything(empty, "")


def relied_on(items: Mapping[Key, Item]) -> dict[Key, Item]:
    """The items without summaries of runs that were resumed: no reader looks at these, and to
    remove them would cost a read with each metric of a running run."""
    resumed = {
        (pk, sk)
        for pk, sk in items
        if sk == SUMMARY and _is_running(items.get((f"RUN#{pk.partition('#')[2]}", META)))
    }
    return {key: item for key, item in items.items() if key not in resumed}


def _is_running(meta: Item | None) -> bool:
    return meta is not None and meta["status"] not in ENDED


def differences(there: Mapping[Key, Item], wanted: Mapping[Key, Item]) -> dict[Key, str]:
    """What is missing, too much or not the same, by key."""
    return {
        key: f"is {there.get(key)}, should be {wanted.get(key)}"
        for key in {**wanted, **there}
        if there.get(key) != wanted.get(key)
    }


def is_due_record(item: Item) -> bool:
    """Whether an item records that something is still to expire, or to be removed."""
    return item["PK"].startswith(_RECORD) and is_due(item)
