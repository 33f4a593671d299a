"""Aliases: each is an attribute of META, and stands for a version of the thing."""

from __future__ import annotations

from dynamodbstore_events.keys import Key
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Check, Table, Update

from mlflow_dynamodbstore.versioned.items import ALIAS, REVISION, aliases_of, still_named
from mlflow_dynamodbstore.versioned.lookup import Found


def set_alias(
    table: Table,
    found: Found,
    alias: str,
    version: int | str,
    version_key: Key,
    is_there: Condition,
) -> bool:
    """Let an alias stand for a version, whatever it stood for before; False if the item of the
    version does not fulfil ``is_there``.

    Raises ``ConditionFailed`` if the thing has been renamed or deleted since it was found.
    """
    try:
        table.write(
            Update(
                found.meta_key,
                set={ALIAS + alias: version},
                add={REVISION: 1},
                condition=still_named(found.name),
            ),
            Check(version_key, is_there),
        )
    except ConditionFailed as failed:
        if 0 not in failed.failures:
            return False
        raise
    return True


def remove_alias(table: Table, found: Found, alias: str) -> None:
    """Take an alias away, if the thing has it.

    Raises ``ConditionFailed`` if the thing has been renamed or deleted since it was found.
    """
    if alias in aliases_of(found.meta):
        table.write(
            Update(
                found.meta_key,
                remove=(ALIAS + alias,),
                add={REVISION: 1},
                condition=still_named(found.name),
            )
        )
