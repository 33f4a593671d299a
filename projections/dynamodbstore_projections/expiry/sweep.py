"""Removing what has expired where no stream function does, or where its event was lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_events.keys import EXPIRING, GSI2, oldest_first
from dynamodbstore_table.errors import DamagedItem, TableError
from dynamodbstore_table.port import SortRange, Table

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.expiry.old_stamps import OldStamps
from dynamodbstore_projections.expiry.projection import MOST_ITEMS, ExpiryProjection
from dynamodbstore_projections.projector import Projector, Report

_LISTED_AT_ONCE: Final = 25
_ITEMS_OF_A_SWEEPER: Final = 500
_LAST: Final = "\U0010ffff"

_logger = logging.getLogger(__name__)


def remove_expired(
    table: Table,
    config: Callable[[], Config],
    *,
    seconds: float,
    most_items: int = MOST_ITEMS,
) -> bool:
    """Remove what has expired and all below it; nothing more is begun after ``seconds``. Returns
    whether everything was removed that has expired by now.

    It must not be called by the table's observer. Raises what a removal failed with.
    """
    deadline = time.monotonic() + seconds
    projector = Projector(table, [ExpiryProjection(most_items)], config)
    while events := table.sweep_expired():
        _raise_failure(projector.project(events))
        if time.monotonic() >= deadline:
            return False
    while True:
        writes = 0
        for due in _due(table, table.now()):
            if time.monotonic() >= deadline:
                return False
            report = projector.project_entities([due])
            _raise_failure(report)
            writes += report.writes
        if not writes:
            return True


def _due(table: Table, now: float) -> Iterator[Entity]:
    upto = SortRange(high=oldest_first(int(now * 1000), _LAST))
    for item in table.query_all(
        EXPIRING, index=GSI2, sk=upto, consistent=False, page_size=_LISTED_AT_ONCE
    ):
        entity = entity_of(item["PK"])
        if entity is not None:
            yield entity


def _raise_failure(report: Report) -> None:
    for error in report.failed.values():
        # A damaged item is passed over, here as everywhere; status and replay name it.
        if not isinstance(error, DamagedItem):
            raise error


def _warn_of_delay(error: TableError) -> None:
    _logger.warning("What has expired could not be removed yet: %s", error)


class Sweeper:
    """Removes what has expired now and then, a little at a time, in a thread that has other things
    to do.

    Every ``pause_seconds`` it looks for what has expired (two cheap reads where nothing has), and
    works on it for ``work_seconds``, at most every ``busy_pause_seconds`` while something is left.
    """

    def __init__(
        self,
        table: Table,
        config: Callable[[], Config],
        *,
        pause_seconds: float = 60.0,
        busy_pause_seconds: float = 1.0,
        work_seconds: float = 0.1,
        on_failure: Callable[[TableError], None] = _warn_of_delay,
    ) -> None:
        self._table = table
        self._config = config
        self._pause = pause_seconds
        self._busy_pause = busy_pause_seconds
        self._work = work_seconds
        self._on_failure = on_failure
        self._old_stamps = OldStamps(table, config)
        self._next = 0.0
        self._lock = threading.Lock()

    def now_and_then(self) -> None:
        """Do some of the work if it is time to; a failure is reported, and tried again later."""
        if time.monotonic() < self._next or not self._lock.acquire(blocking=False):
            return
        try:
            finished = self._old_stamps.take_off(self._work) and remove_expired(
                self._table, self._config, seconds=self._work, most_items=_ITEMS_OF_A_SWEEPER
            )
            pause = self._pause if finished else self._busy_pause
        except TableError as error:
            self._on_failure(error)
            pause = self._pause
        finally:
            self._lock.release()
        self._next = time.monotonic() + pause
