"""Changing a tag that others change too: read it, make the new value, write if it still fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dynamodbstore_events.keys import tag_sk
from dynamodbstore_events.places import PLACE
from dynamodbstore_table.conditions import ITEM_MISSING, Condition, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.texts import is_part, text_items, text_of
from dynamodbstore_table.port import Delete, Table, begins_with

from mlflow_dynamodbstore.core.retry import Contention


def change_tag(
    table: Table,
    pk: str,
    key: str,
    change: Callable[[str | None], str | None],
    place: int,
    *,
    before_write: Callable[[], object] = lambda: None,
) -> None:
    """Set a tag of the entity under ``pk`` to what ``change`` makes of its value (None: no tag).

    Nothing that another writer adds meanwhile is lost: where one has been quicker, ``change`` gets
    the newer value. A tag that is new stands at ``place``. The same value, or None, is not written;
    ``before_write`` may refuse a write by raising.
    """
    sk = tag_sk(key)
    contention = Contention(f"the tag {key!r}")
    while True:
        items = {item["SK"]: item for item in table.query_all(pk, sk=begins_with(sk))}
        found = items.get(sk)
        parts = {part: item["z"] for part, item in items.items() if is_part(part)}
        value = None if found is None else text_of(found, parts)
        changed = change(value)
        if changed is None or changed == value:
            return
        before_write()
        text = text_items(pk, sk, key, changed)
        if text.parts:
            table.bulk(text.parts)
        try:
            there = place if found is None else found.get(PLACE, place)
            table.write(replace(text.put(there), condition=_unchanged(found)))
        except ConditionFailed:
            table.bulk([Delete(part.key) for part in text.parts])
            contention.wait()
        else:
            return


def _unchanged(item: Mapping[str, Any] | None) -> Condition:
    if item is None:
        return ITEM_MISSING
    name = next(name for name in ("v", "z", "generation") if name in item)
    return equals(name, item[name])
