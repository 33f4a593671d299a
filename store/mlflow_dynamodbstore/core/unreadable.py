"""Calls that met an item which can't be read: made again, with such items passed over."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

from dynamodbstore_table.errors import DamagedItem, TableError
from dynamodbstore_table.port import Table
from dynamodbstore_table.shaped import ShapedReads

from mlflow_dynamodbstore import logs

UNREADABLE: Final = (
    DamagedItem,
    *(KeyError, IndexError, TypeError, ValueError, AttributeError),
    *(struct.error, zlib.error),
)
"""What reading an item of another shape than the store writes may fail with."""


def writes_of(table: Table) -> int:
    """How many writes of this thread the table has done, to give to ``again`` later."""
    return table.writes.made if isinstance(table, ShapedReads) else 0


def again(table: Table, writes: int, error: Exception, call: Callable[[], Any]) -> Any:
    """Make a call again after it failed with one of ``UNREADABLE``, and let the table pass over
    items of another shape from now on.

    Raises ``error`` where that can't help: the call has written something (``writes`` are those
    before it), the shapes were checked already, or the call fails in the same way all the same.
    """
    if isinstance(error, TableError) and not isinstance(error, DamagedItem):
        raise error
    if not isinstance(table, ShapedReads) or table.checks_shapes or table.writes.made != writes:
        raise error
    table.check_shapes()
    try:
        result = call()
    except UNREADABLE:
        # No item was to blame: a caller gave what the method does not take.
        table.trust_shapes()
        raise error from None
    logs.items_passed_over(error)
    return result
