"""Name claims: an item per name makes a name unique, whoever else is writing."""

from __future__ import annotations

from dynamodbstore_events.keys import META, NAME, Key, name_pk
from dynamodbstore_table.conditions import ITEM_MISSING, Either, equals
from dynamodbstore_table.port import Delete, Put, Table

EXPERIMENT_KIND = "EXP"
REGISTERED_MODEL_KIND = "RM"


def claim_key(workspace: str, kind: str, name: str) -> Key:
    return name_pk(workspace, kind, name), NAME


def claim(workspace: str, kind: str, name: str, entity_id: str, stale_id: str | None = None) -> Put:
    """The op that claims a name for an entity.

    Its condition fails where another entity holds the name, but for ``stale_id``, an entity that
    the caller knows to be gone.
    """
    pk, sk = claim_key(workspace, kind, name)
    free = ITEM_MISSING if stale_id is None else Either((ITEM_MISSING, equals("id", stale_id)))
    return Put({"PK": pk, "SK": sk, "id": entity_id}, condition=free)


def release(workspace: str, kind: str, name: str, entity_id: str) -> Delete:
    """The op that gives a name up; it fails unless this entity holds it."""
    return Delete(claim_key(workspace, kind, name), condition=equals("id", entity_id))


def holder(table: Table, workspace: str, kind: str, name: str) -> str | None:
    """The id of the entity that holds a name, or None."""
    item = table.get(claim_key(workspace, kind, name))
    return None if item is None else item["id"]


def stale_holder(table: Table, holder_id: str, partition_key: str) -> str | None:
    """``holder_id`` if the entity under ``partition_key`` has gone, so that its name is free."""
    return holder_id if table.get((partition_key, META)) is None else None
