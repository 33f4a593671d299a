"""Who keeps the projections of a store's table: this process, or the stream functions."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_projections.heartbeat import all_fresh, last_beats
from dynamodbstore_projections.inline import InlineObserver
from dynamodbstore_projections.registry import STREAM_FUNCTIONS, inline_projections
from dynamodbstore_table.port import Observer, Table

from mlflow_dynamodbstore.location import Location, RegionLocation
from mlflow_dynamodbstore.settings import projections_mode

_logger = logging.getLogger(__name__)
_CHECK_SECONDS = 60.0


def observer_for(location: Location) -> Observer | None:
    """The observer that a table at this location needs; None leaves it to the stream functions.

    Raises ``INVALID_PARAMETER_VALUE`` for a mode that there is none of.
    """
    mode = projections_mode()
    if mode == "stream":
        return None
    inline = InlineObserver(inline_projections(), _warn_of_failures)
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
                _logger.warning(
                    "No stream functions are at work on the table %s in %s: this process keeps its "
                    "projections itself, at more requests a write. Deploy the functions with "
                    "'sam build && sam deploy --guided --region %s --parameter-overrides "
                    "TableName=%s'.",
                    self._location.table,
                    self._location.region,
                    self._location.region,
                    self._location.table,
                )
        if not self._streaming:
            self._inline(table, events)


def _warn_of_failures(failed: Mapping[Entity, Exception]) -> None:
    for entity, error in failed.items():
        _logger.warning(
            "The projections of %s are behind (%s): its next write, or 'mlflow-dynamodbstore "
            "replay', brings them up to date.",
            entity.pk,
            error,
        )
