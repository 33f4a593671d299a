"""Taking off the times to live that older versions have stamped in a file by their defaults.

The file ignores every ``ttl`` meanwhile (``Table.ignores_stamps``). Deleted runs and experiments
get what the policy gives now, by the ttl projection; the history of metrics that an older version
wrote keeps no time. Only stamped items are read, a few at a time; it may stop anywhere and begin
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from dynamodbstore_events.entities import EXPERIMENT, RUN, Entity, entity_of
from dynamodbstore_events.keys import META, history_pk
from dynamodbstore_table.conditions import equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Item, Table, Update

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.ttl.projection import TtlProjection

_AT_ONCE: Final = 200
_HISTORY: Final = history_pk("")


class OldStamps:
    """Takes them off a table, from where it stopped last time."""

    def __init__(self, table: Table, config: Callable[[], Config]) -> None:
        self._table = table
        self._projector = Projector(table, [TtlProjection()], config)
        self._last: Item | None = None

    def take_off(self, seconds: float) -> bool:
        """Work for about ``seconds``; returns whether no old stamp is left. If so, the table heeds
        its stamps again.

        Raises a ``TableError``.
        """
        if not self._table.ignores_stamps():
            return True
        deadline = time.monotonic() + seconds
        while found := self._table.stamped(self._last, _AT_ONCE):
            self._take_off(found)
            self._last = found[-1]
            if time.monotonic() >= deadline:
                return False
        self._last = None
        self._table.heed_stamps()
        return True

    def _take_off(self, stamped: list[Item]) -> None:
        history = [item for item in stamped if _is_old_history(item)]
        if history:
            with suppress(ConditionFailed):  # it has gone, or was written anew
                self._table.bulk([_unstamped(item) for item in history])
        entities = [entity for item in stamped if (entity := _deleted(item)) is not None]
        for error in self._projector.project_entities(entities).failed.values():
            raise error


def _is_old_history(item: Item) -> bool:
    """Whether an older version wrote it: this one keeps the ends of points beside the stamp."""
    return bool(item["PK"].startswith(_HISTORY)) and "e" not in item


def _unstamped(item: Item) -> Update:
    return Update((item["PK"], item["SK"]), remove=("ttl",), condition=equals("ttl", item["ttl"]))


def _deleted(item: Item) -> Entity | None:
    entity = entity_of(item["PK"]) if item["SK"] == META else None
    return entity if entity is not None and entity.kind in (EXPERIMENT, RUN) else None
