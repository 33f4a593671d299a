"""Tables that fail between two writes, as when the process or the network dies there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from dynamodbstore_table.port import Table


@contextmanager
def failing_after(table: Table, writes: int, error: Exception) -> Iterator[None]:
    """Let this many writes of the table pass; all later ones raise."""
    left = iter(range(writes))

    def guarded(method: str) -> Any:
        real = getattr(table, method)

        def call(*args: Any) -> Any:
            if next(left, None) is None:
                raise error
            return real(*args)

        return call

    with (
        mock.patch.object(table, "write", guarded("write")),
        mock.patch.object(table, "bulk", guarded("bulk")),
    ):
        yield
