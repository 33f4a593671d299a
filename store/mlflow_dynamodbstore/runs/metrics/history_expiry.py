"""How long the history of metrics is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from dynamodbstore_projections.config import DAY_SECONDS, ConfigSource
from dynamodbstore_table.port import Table

HistoryExpiry: TypeAlias = Callable[[], int | None]
"""Tells when history that is written now expires (Unix seconds); None: never."""


def history_expiry(config: ConfigSource, table: Table) -> HistoryExpiry:
    """The expiry that the configuration says, as it is when history is written.

    It is asked for history only: a point in order, which needs none, costs no look at it.
    """

    def expires() -> int | None:
        days = config.current().ttl.metric_history_retention_days
        return int(table.now()) + days * DAY_SECONDS if days else None

    return expires


def kept_for_ever() -> int | None:
    """The expiry of what never expires."""
    return None
