"""Servers, stream functions and replays on one table, each where the others may cut in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_events.keys import META, Key, registered_model_pk
from dynamodbstore_projections.all import search_projections
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.drivers.replay import Scope, rebuild
from dynamodbstore_projections.drivers.sources import KeyPage, Position
from dynamodbstore_projections.expiry.projection import ExpiryProjection
from dynamodbstore_projections.projection import Projection
from dynamodbstore_projections.projector import Projector, Report
from dynamodbstore_projections.ttl.projection import TtlProjection
from dynamodbstore_projections.view import View
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.port import Table
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.projections.entities import everything
from tests.projections.interposed import Crash
from tests.projections.streamed import (
    FUNCTIONS,
    LIFECYCLE,
    SEARCH,
    FakeTime,
    Stream,
    StreamedTable,
)

_ITEMS_OF_A_CALL = 7
_KEYS_OF_A_PAGE = 9
_MOST_ROUNDS = 100

Before = Callable[[int], None]


def kept_by() -> dict[str, tuple[Projection, ...]]:
    """What each stream function keeps; what has expired is removed a few items at a time."""
    lifecycle = (TtlProjection(), ExpiryProjection(_ITEMS_OF_A_CALL))
    return {SEARCH: search_projections(), LIFECYCLE: lifecycle}


def projector(table: Table, kept: Sequence[Projection]) -> Projector:
    """A projector that goes by the configuration as it is."""
    return Projector(table, kept, ConfigSource(table).read)


class World:
    """A table, its stream, and two servers, of which each remembers what it has seen."""

    def __init__(self, table: Table, clock: FakeTime) -> None:
        self.table = table
        self.clock = clock
        self.stream = Stream()
        self.kept = kept_by()
        self.runs: list[str] = []
        self.experiments: list[str] = []
        self._before: Before | None = None
        self._requests = 0
        self.streamed = StreamedTable(table, self.stream, self._request)
        self.servers = tuple(DynamoTrackingStore(self.streamed, "memory:/") for _ in range(2))
        self.registries = tuple(DynamoRegistryStore(self.streamed) for _ in range(2))

    @property
    def models(self) -> dict[Entity, str]:
        """The names of the registered models, those included that are being deleted."""
        items = everything(self.table, registered_model_pk(""))
        return {
            entity: item["name"]
            for (pk, sk), item in sorted(items.items())
            if sk == META and (entity := entity_of(pk)) is not None
        }

    def _request(self, _: int) -> None:
        number = self._requests
        self._requests += 1
        if self._before is not None:
            self._before(number)

    @contextlib.contextmanager
    def interposing(self, before: Before | None) -> Iterator[None]:
        """Within it ``before`` is called before each request, with its number from 0 on."""
        outer = self._before, self._requests
        self._before, self._requests = before, 0
        try:
            yield
        finally:
            self._before, self._requests = outer

    def deliver(self, function: str, batch: Sequence[ChangeEvent]) -> None:
        """Hand a batch to a stream function. What fails stays in the stream; so does the batch of
        one that crashes, whoever else has seen to it meanwhile."""
        try:
            report = projector(self.streamed, self.kept[function]).project(batch)
        except Crash:
            self.stream.again(function, batch)
            raise
        raise_what_no_retry_heals(report)
        failed = {entity.pk for entity in report.failed}
        self.stream.done(function, [event for event in batch if event.pk not in failed])

    def replay(self) -> None:
        """Rebuild every projection; it may be cut off, and is not begun again."""
        every = [projection for kept in self.kept.values() for projection in kept]
        rebuild(Scope(self.streamed, every, SlowScan(self.table)), wait=self.clock.pass_by)

    def drain(self) -> None:
        """Let the stream run dry, with everything that it still sets off."""
        for _ in range(_MOST_ROUNDS):
            self.streamed.sweep_expired()
            for function in FUNCTIONS:
                self.deliver(function, tuple(self.stream.pending[function]))
            if self.stream.drained:
                return
        raise AssertionError(f"the stream never ends: {self.stream.pending}")

    def lacking(self) -> list[object]:
        """What the projections would still write if they looked at everything now."""
        entities = {entity_of(pk): None for pk, _ in everything(self.table, "")}
        config, view = ConfigSource(self.table).read(), View(self.table)
        return [
            write
            for kept in self.kept.values()
            for projection in kept
            for entity in entities
            if entity is not None
            for write in projection.writes(entity, view, config)
        ]


def raise_what_no_retry_heals(report: Report) -> None:
    """Only that others were at work is a reason to fail."""
    for error in report.failed.values():
        if not isinstance(error, (ConditionFailed, TransactionConflict)):
            raise error


class SlowScan:
    """The keys of a table as they were when the reading began, a few at a time."""

    as_of_ms = None
    parts = ("all",)
    identity: Mapping[str, Any] = {"source": "slow scan"}

    def __init__(self, table: Table) -> None:
        self._table = table

    def pages(self, part: str, start: Position | None) -> Iterator[KeyPage]:
        keys: list[Key] = list(everything(self._table, ""))
        for first in range(0, len(keys), _KEYS_OF_A_PAGE):
            behind = first + _KEYS_OF_A_PAGE
            yield KeyPage(keys[first:behind], {"at": behind} if behind < len(keys) else None)


def crashing_at(crash_at: int | None, meanwhile: Mapping[int, Callable[[], None]]) -> Before:
    """Something else happens before some requests, the end before another."""

    def before(number: int) -> None:
        if number in meanwhile:
            meanwhile[number]()
        if number == crash_at:
            raise Crash

    return before
