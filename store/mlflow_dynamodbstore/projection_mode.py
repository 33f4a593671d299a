"""Who keeps the projections of a store's table: this process, or the stream functions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_projections.all import STREAM_FUNCTIONS, inline_projections
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_projections.heartbeat import read_heartbeats
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.location import FileLocation, Location, RegionLocation
from mlflow_dynamodbstore.server_process import is_worker
from mlflow_dynamodbstore.settings import PROJECTIONS, projections_mode, refusal

_CHECK_SECONDS = 60.0

Mode: TypeAlias = Literal["inline", "stream", "mixed"]
INLINE: Final[Mode] = "inline"
STREAM: Final[Mode] = "stream"
MIXED: Final[Mode] = "mixed"
"""The functions keep some projections; the others, which they are too old for, the server keeps."""


class AutoObserver:
    """Leaves to the stream functions the projections that their heartbeats name, while these are
    fresh, and keeps the others.

    They are looked at once a minute, so that a server notices functions that come or go. What it
    has to keep is logged once, until that changes; the workers of ``mlflow server`` leave the first
    time to it.
    """

    def __init__(self, inline: InlineObserver, location: RegionLocation) -> None:
        self._inline = inline
        self._location = location
        self._kept = frozenset(projection.name for projection in inline.projections)
        self._checked: float | None = None
        self._logged: frozenset[str] | None = None

    def use_config(self, table: Table, config: Callable[[], Config]) -> None:
        """Project by this configuration."""
        self._inline.use_config(table, config)

    def kept(self, table: Table) -> frozenset[str]:
        """The projections (by name) that no function keeps, as it was at most a minute ago: they
        are this process's. Raises a ``TableError``."""
        now = time.monotonic()
        if self._checked is None or now - self._checked > _CHECK_SECONDS:
            found = read_heartbeats(table, STREAM_FUNCTIONS)
            self._kept = found.missing(self._inline.projections, int(time.time() * 1000))
            self._checked = now
        return self._kept

    def log_kept(self, table: Table) -> None:
        """Log, unless that was done, what this process does of the functions' work. Raises a
        ``TableError``."""
        kept = self.kept(table)
        first, changed = self._logged is None, kept != self._logged
        if changed:
            self._logged = kept
            if kept and not (first and is_worker()):
                every = len(kept) == len(self._inline.projections)
                logs.stream_functions_missing(self._location, sorted(kept), every=every)

    def __call__(self, table: Table, events: Sequence[ChangeEvent]) -> None:
        # The write is done: where no heartbeat can be read, whoever kept the projections goes on.
        with suppress(TableError):
            self.log_kept(table)
        if self._kept:
            self._inline(table, events, self._kept)


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
    if observer is None:
        return STREAM
    if not isinstance(observer, AutoObserver):
        return INLINE
    return mode_by(observer.kept(table))


def mode_by(kept: frozenset[str]) -> Mode:
    """The mode of a server that keeps these of the projections itself."""
    if not kept:
        return STREAM
    return INLINE if kept == {p.name for p in inline_projections()} else MIXED


def _warn_of_failures(failed: Mapping[Entity, Exception]) -> None:
    for entity, error in failed.items():
        logs.projections_behind(entity.pk, error)
