"""Who keeps the projections of a store's table: this process, or the stream functions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_projections.heartbeat import all_fresh, last_beats
from dynamodbstore_projections.inline import InlineObserver
from dynamodbstore_projections.registry import STREAM_FUNCTIONS, inline_projections
from dynamodbstore_table.port import Observer, Table

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.location import Location, RegionLocation
from mlflow_dynamodbstore.settings import fts_trigram_fields, projections_mode

_CHECK_SECONDS = 60.0


def observer_for(location: Location) -> Observer | None:
    """The observer that a table at this location needs; None leaves it to the stream functions.

    Raises ``INVALID_PARAMETER_VALUE`` for a mode or a field that there is none of.
    """
    mode = projections_mode()
    if mode == "stream":
        return None
    inline = InlineObserver(inline_projections(), _warn_of_failures, fts_trigram_fields())
    if mode == "auto" and isinstance(location, RegionLocation):
        return AutoObserver(inline, location)
    return inline


class AutoObserver:
    """Leaves projecting to the stream functions while their heartbeats are fresh.

    They are looked at once a minute, so that a server notices functions that come or go.
    """

    def __init__(self, inline: InlineObserver, location: RegionLocation) -> None:
        self._inline = inline
        self._location = location
        self._streaming = False
        self._checked: float | None = None
        self._warned = False

    def __call__(self, table: Table, events: Sequence[ChangeEvent]) -> None:
        now = time.monotonic()
        if self._checked is None or now - self._checked > _CHECK_SECONDS:
            beats = last_beats(table, STREAM_FUNCTIONS)
            self._streaming = all_fresh(beats.values(), int(time.time() * 1000))
            self._checked = now
            if not self._streaming and not self._warned:
                self._warned = True
                logs.stream_functions_missing(self._location)
        if not self._streaming:
            self._inline(table, events)


def _warn_of_failures(failed: Mapping[Entity, Exception]) -> None:
    for entity, error in failed.items():
        logs.projections_behind(entity.pk, error)
