"""Who keeps the projections of a store's table: this process, or the stream functions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_projections.all import STREAM_FUNCTIONS, inline_projections
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_projections.heartbeat import all_fresh, last_beats
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.location import FileLocation, Location, RegionLocation
from mlflow_dynamodbstore.server_process import is_worker
from mlflow_dynamodbstore.settings import PROJECTIONS, projections_mode, refusal

_CHECK_SECONDS = 60.0

Mode: TypeAlias = Literal["inline", "stream"]


class AutoObserver:
    """Leaves projecting to the stream functions while their heartbeats are fresh.

    They are looked at once a minute, so that a server notices functions that come or go. That there
    are none is told once, until there are; of ``mlflow server`` the workers leave that to it.
    """

    def __init__(self, inline: InlineObserver, location: RegionLocation) -> None:
        self._inline = inline
        self._location = location
        self._streaming = False
        self._checked: float | None = None
        self._told = is_worker()

    def use_config(self, table: Table, config: Callable[[], Config]) -> None:
        """Project by this configuration."""
        self._inline.use_config(table, config)

    def streaming(self, table: Table) -> bool:
        """Whether the stream functions are at work, as it was at most a minute ago."""
        now = time.monotonic()
        if self._checked is None or now - self._checked > _CHECK_SECONDS:
            beats = last_beats(table, STREAM_FUNCTIONS)
            self._streaming = all_fresh(beats.values(), int(time.time() * 1000))
            self._checked = now
            if self._streaming:
                self._told = False
        return self._streaming

    def tell_if_missing(self, table: Table) -> None:
        """Tell, unless that was done, that this process does the functions' work."""
        if not self.streaming(table) and not self._told:
            self._told = True
            logs.stream_functions_missing(self._location)

    def __call__(self, table: Table, events: Sequence[ChangeEvent]) -> None:
        # The write is done: where no heartbeat can be read, whoever kept the projections goes on.
        with suppress(TableError):
            self.tell_if_missing(table)
        if not self._streaming:
            self._inline(table, events)


ProjectingObserver: TypeAlias = InlineObserver | AutoObserver


def observer_for(location: Location) -> ProjectingObserver | None:
    """The observer that a table at this location needs; None leaves it to the stream functions.

    Raises ``INVALID_PARAMETER_VALUE`` for a mode that there is none of, or none for a file.
    """
    mode = projections_mode()
    if mode == "stream" and isinstance(location, FileLocation):
        # Nobody would keep what searches rely on.
        raise refusal(PROJECTIONS, mode, "not auto or inline: an embedded file has no stream")
    if mode == "stream":
        return None
    inline = InlineObserver(inline_projections(), _warn_of_failures)
    if mode == "auto" and isinstance(location, RegionLocation):
        return AutoObserver(inline, location)
    return inline


def mode_of(observer: ProjectingObserver | None, table: Table) -> Mode:
    """Who keeps the projections now; one request where the functions' heartbeats decide it.

    Raises a ``TableError``.
    """
    if observer is None or (isinstance(observer, AutoObserver) and observer.streaming(table)):
        return "stream"
    return "inline"


def _warn_of_failures(failed: Mapping[Entity, Exception]) -> None:
    for entity, error in failed.items():
        logs.projections_behind(entity.pk, error)
