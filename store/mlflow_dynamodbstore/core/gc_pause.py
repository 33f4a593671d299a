"""Pausing Python's garbage collector where it would only cost time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from dynamodbstore_table.port import Table

_MANY = 500


@contextmanager
def collector_paused(objects: int) -> Iterator[None]:
    """Pause the collector while about ``objects`` objects are made; does nothing for few.

    Each batch of new objects would make it look through everything that the process holds, which
    with MLflow loaded is a great deal: half of the time it takes to read a thousand runs, or to
    log a thousand points. It never waits longer than the block lasts.
    """
    if objects < _MANY or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def collector_paused_listing(table: Table) -> AbstractContextManager[None]:
    """Let the collector wait while any number of items is listed, unless the table is remote: then
    the time is its own."""
    return collector_paused(0 if table.remote else _MANY)
