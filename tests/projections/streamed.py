"""A table with a stream: what is written is handed, at least once, to the functions."""

from __future__ import annotations

import itertools
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest import mock

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_table.port import Advances, Delete, Op, Put, Table, Update

from tests.projections.interposed import InterposedTable

SEARCH, LIFECYCLE = "search", "lifecycle"
FUNCTIONS = (SEARCH, LIFECYCLE)


class FakeTime:
    """A clock that stands still but for ``pass_by``; it is everybody's while it is installed."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The clock and the chance of this process, the same in every repetition."""
        numbers = itertools.count(1)

        def unique() -> uuid.UUID:
            # The first digits differ, as a scan goes by them.
            number = next(numbers)
            return uuid.UUID(int=(number * 0x9E3779B97F4A7C15 % 2**64) << 64 | number)

        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(time, "time", self))
            stack.enter_context(mock.patch.object(uuid, "uuid4", unique))
            stack.enter_context(
                mock.patch.object(secrets, "randbelow", lambda below: next(numbers) % below)
            )
            tokens = mock.Mock(side_effect=lambda _: unique().hex)
            stack.enter_context(mock.patch.object(secrets, "token_hex", tokens))
            yield


@dataclass
class Stream:
    """What each function has yet to read, and everything that was ever delivered to it."""

    pending: dict[str, list[ChangeEvent]] = field(
        default_factory=lambda: {name: [] for name in FUNCTIONS}
    )
    delivered: dict[str, list[ChangeEvent]] = field(
        default_factory=lambda: {name: [] for name in FUNCTIONS}
    )

    def emit(self, events: Iterable[ChangeEvent]) -> None:
        """What was written, in this order."""
        for event in events:
            for waiting in self.pending.values():
                waiting.append(event)

    def done(self, function: str, batch: Iterable[ChangeEvent]) -> None:
        """A function has read these; they may be redelivered all the same."""
        finished = {id(event) for event in batch}
        waiting = self.pending[function]
        self.delivered[function] += [event for event in waiting if id(event) in finished]
        self.pending[function] = [event for event in waiting if id(event) not in finished]

    def again(self, function: str, batch: Iterable[ChangeEvent]) -> None:
        """These are to be redelivered."""
        waiting = self.pending[function]
        known = {id(event) for event in waiting}
        self.pending[function] = [event for event in batch if id(event) not in known] + waiting

    @property
    def drained(self) -> bool:
        """Whether every function has read everything."""
        return not any(self.pending.values())


class StreamedTable(InterposedTable):
    """Emits what is written; ops that are not written together may be cut off in between."""

    def __init__(self, table: Table, stream: Stream, before: Callable[[int], None]) -> None:
        super().__init__(table, before)
        self._stream = stream

    def write(self, *ops: Op | Advances) -> list[ChangeEvent]:
        events = super().write(*ops)
        self._stream.emit(events)
        return events

    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        events: list[ChangeEvent] = []
        for op in ops:
            done = super().bulk([op])
            self._stream.emit(done)
            events += done
        return events

    def sweep_expired(self, limit: int = 1000) -> list[ChangeEvent]:
        events = super().sweep_expired(limit)
        self._stream.emit(events)
        return events
