"""Insert-only writes of any size, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from dynamodbstore_table.conditions import ITEM_MISSING
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import MAX_OPS, Check, Delete, Item, Put, Table


def insert_all(table: Table, guard: Check, items: Sequence[Item]) -> None:
    """Write items that must not exist yet, all or nothing, while ``guard`` holds.

    Raises ``ConditionFailed`` with the positions of the items that are there, plus 1; position 0
    is the guard's. Up to 99 items are one transaction. More are several, and what the first ones
    wrote is taken back if a later one fails.
    """
    puts = [Put(item, condition=ITEM_MISSING) for item in items]
    size = MAX_OPS - 1
    for first in range(0, max(len(puts), 1), size):
        try:
            table.write(guard, *puts[first : first + size])
        except ConditionFailed as failed:
            table.bulk([Delete(put.key) for put in puts[:first]])
            raise ConditionFailed(
                {n + first if n else 0: item for n, item in failed.failures.items()}
            ) from None
