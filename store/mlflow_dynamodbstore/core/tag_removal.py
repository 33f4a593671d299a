"""Removing a tag, of whichever entity."""

from __future__ import annotations

from dynamodbstore_events.keys import tag_sk
from dynamodbstore_table.conditions import ITEM_EXISTS
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Delete, Table


def remove_tag(table: Table, pk: str, key: str | None) -> bool:
    """Remove the tag of the entity under a partition key; False if it has no such tag."""
    if key is None:
        return False
    try:
        table.write(Delete((pk, tag_sk(key)), condition=ITEM_EXISTS))
    except ConditionFailed:
        return False
    return True
