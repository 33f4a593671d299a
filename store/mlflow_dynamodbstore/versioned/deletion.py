"""Removing what is left of a deleted thing: its items, and last the META item that is marked.

Nobody finds a marked thing any more, and every write here checks that it is still
there. So any number of processes may do this at once, and none touches what is not marked.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import GSI2, META, oldest_first
from dynamodbstore_projections.cascade import below_model
from dynamodbstore_table.conditions import Condition, equals
from dynamodbstore_table.errors import ConditionFailed, TableError
from dynamodbstore_table.port import MAX_OPS, Check, Delete, SortRange, Table, Update

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.versioned.kind import Kind

_INTERRUPTED_MS: Final = 10 * 60 * 1000
_AT_ONCE: Final = 10


def deletion_mark(kind: Kind, key: str, now_ms: int, condition: Condition) -> Update:
    """The op that marks a thing as deleted and takes it out of the listings."""
    return Update(
        kind.meta_key(key),
        set={
            DELETING: secrets.token_hex(8),
            "gsi2pk": kind.deleted_lookup,
            "gsi2sk": oldest_first(now_ms, key),
        },
        remove=("gsi1pk", "gsi1sk"),
        condition=condition,
    )


def remove_marked(table: Table, meta: Mapping[str, Any]) -> None:
    """Remove the items of a marked thing. If the table fails, a later deletion does the rest."""
    try:
        _remove(table, meta["PK"], equals(DELETING, meta[DELETING]))
    except TableError as error:
        logs.removal_delayed(meta["PK"], error)


def finish_interrupted(table: Table, kind: Kind, now_ms: int) -> None:
    """Remove what is left of some things of a kind that were deleted more than ten minutes ago."""
    long_ago = SortRange(high=oldest_first(now_ms - _INTERRUPTED_MS, ""))
    left = table.query(
        kind.deleted_lookup, index=GSI2, sk=long_ago, limit=_AT_ONCE, consistent=False
    ).items
    if left:
        for meta in table.batch_get([(item["PK"], META) for item in left]).values():
            if DELETING in meta:
                remove_marked(table, meta)


def _remove(table: Table, pk: str, is_marked: Condition) -> None:
    branches = below_model(table, pk)
    try:
        while chunk := list(islice(branches, MAX_OPS - 1)):
            deletes = [Delete(key) for key, _ in chunk]
            table.write(Check((pk, META), is_marked), *deletes)
        table.write(Delete((pk, META), condition=is_marked))
    except ConditionFailed:
        # Another process was quicker.
        return
