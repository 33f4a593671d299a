"""INFO, the texts of a trace: written under the condition that it is as this process knows it, so
that what it holds afterwards is known without a read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cachetools import LRUCache
from dynamodbstore_events.keys import INFO, trace_pk
from dynamodbstore_table.conditions import ITEM_MISSING, Condition, equals
from dynamodbstore_table.errors import ConditionFailed, ItemTooLarge
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.core.retry import retried
from mlflow_dynamodbstore.traces.attributes import (
    CHANGES,
    all_apart,
    text_change,
    texts_of,
    write_change,
)
from mlflow_dynamodbstore.traces.writing import Changed

_REMEMBERED: Final = 1024

Known = tuple[int, Mapping[str, str | None]]
"""How often INFO was changed, and its texts then."""


class InfoTexts:
    """Writes the texts of traces."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: LRUCache[str, Known] = LRUCache(_REMEMBERED)

    def forget(self, trace_id: str) -> None:
        self._known.pop(trace_id, None)

    def write(
        self, trace_id: str, texts: Mapping[str, str | None], ttl: int | None
    ) -> Mapping[str, str | None] | None:
        """Set texts; returns all that INFO then holds, or None where some are items of their
        own."""
        key = trace_pk(trace_id), INFO

        def attempt() -> Mapping[str, str | None] | None:
            known = self._known.get(trace_id)
            condition: Condition = ITEM_MISSING
            if known is not None:
                condition = equals(CHANGES, known[0])
            change = text_change(key, texts, ttl=ttl, condition=condition)
            try:
                write_change(self._table, change)
            except ItemTooLarge:
                write_change(self._table, all_apart(key, texts, change, ttl))
                self.forget(trace_id)
                return None
            except ConditionFailed as failed:
                self._seen(trace_id, failed.item)
                raise Changed from failed
            if change.apart:
                self.forget(trace_id)
                return None
            changes, held = known or (0, {})
            self._known[trace_id] = changes + 1, {**held, **texts}
            return self._known[trace_id][1]

        return retried(f"trace {trace_id}", attempt, on=(Changed,))

    def _seen(self, trace_id: str, item: Mapping[str, Any] | None) -> None:
        if item is None:
            self.forget(trace_id)
        else:
            self._known[trace_id] = item[CHANGES], texts_of([item], INFO)
