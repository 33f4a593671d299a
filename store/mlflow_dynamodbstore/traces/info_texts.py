"""INFO, the texts of a trace: written under the condition that it is as this process knows it, so
that what it holds afterwards is known without a read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dynamodbstore_events.keys import INFO, trace_pk
from dynamodbstore_table.conditions import ITEM_MISSING, Condition, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.core.memory import Recent
from mlflow_dynamodbstore.core.retry import retried
from mlflow_dynamodbstore.traces.attributes import CHANGES, has_apart, texts_of, write_texts
from mlflow_dynamodbstore.traces.writing import Changed

_REMEMBERED: Final = 1024
_REMEMBERED_CHARACTERS: Final = 50_000

Known = tuple[int, Mapping[str, str | None] | None]
"""How often INFO was changed, and its texts then (None: not known)."""


class InfoTexts:
    """Writes the texts of traces."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: Recent[str, Known] = Recent(_REMEMBERED)

    def forget(self, trace_id: str) -> None:
        self._known.forget(trace_id)

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
            try:
                write_texts(self._table, key, texts, ttl=ttl, condition=condition)
            except ConditionFailed as failed:
                self._seen(trace_id, failed.item)
                raise Changed from failed
            if sum(len(text or "") for text in texts.values()) > _REMEMBERED_CHARACTERS:
                self.forget(trace_id)
                return None
            changes, held = known or (0, {})
            now = None if held is None else {**held, **texts}
            self._known.put(trace_id, (changes + 1, now))
            return now

        return retried(f"trace {trace_id}", attempt, on=(Changed,))

    def _seen(self, trace_id: str, item: Mapping[str, Any] | None) -> None:
        if item is None:
            self.forget(trace_id)
        else:
            # Of texts that are items of their own nothing is known; the count is.
            held = None if has_apart(item) else texts_of([item], INFO)
            self._known.put(trace_id, (item[CHANGES], held))
