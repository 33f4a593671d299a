"""Numbers of versions: 1, 2, 3, …, and never given twice, whoever creates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_table.conditions import both, equals
from dynamodbstore_table.port import Update

from mlflow_dynamodbstore.versioned.items import LAST_VERSION, REVISION, still_named
from mlflow_dynamodbstore.versioned.lookup import Found


def next_number(found: Found) -> int:
    """The number of the thing's next version, as far as is known."""
    number: int = found.meta[LAST_VERSION] + 1
    return number


def give_number(
    found: Found, number: int, set: Mapping[str, Any], add: Mapping[str, int]
) -> Update:
    """The op that gives the next number, and sets and counts what else a new version changes.

    It fails if the number has been given since, or the thing renamed or deleted.
    """
    return Update(
        found.meta_key,
        set={LAST_VERSION: number, **set},
        add={REVISION: 1, **add},
        condition=both(still_named(found.name), equals(LAST_VERSION, number - 1)),
    )
