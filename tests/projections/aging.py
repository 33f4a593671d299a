"""Stores whose time is moved on by days, and the stream of what they write."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import EXPERIMENT, RUN, Entity
from dynamodbstore_events.keys import CONFIG, META
from dynamodbstore_projections.config import TTL_POLICY, Config, config_from_items
from dynamodbstore_projections.expiry.projection import ExpiryProjection
from dynamodbstore_projections.expiry.records import record_key
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.ttl.projection import TtlProjection
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Put, Table
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.projections.entities import everything
from tests.tracking.stores import new_run, store_on

RETENTION_DAYS = 90
DAY = 86_400


class Calendar:
    """The time of this process, some days ahead of the machine's: both its clocks, as when time
    passes, and not as when one is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real, passed = time.time, time.monotonic
        monkeypatch.setattr(time, "time", lambda: real() + self._ahead)
        monkeypatch.setattr(time, "monotonic", lambda: passed() + self._ahead)

    def days_pass(self, days: float) -> None:
        self._ahead += days * DAY


class Stream:
    """What was written to a table, in order, until it is handed to the projections."""

    def __init__(self) -> None:
        self.waiting: list[ChangeEvent] = []

    def record(self, table: Table, events: Sequence[ChangeEvent]) -> None:
        """The table's observer."""
        self.waiting += events

    def deliver(self, table: Table, most_items: int = 2000, batch: int = 100) -> list[int]:
        """Hand everything over in batches, also what that writes; the ops of each call."""
        projections = (TtlProjection(), ExpiryProjection(most_items))
        projector = Projector(table, projections, lambda: config_of(table))
        ops = []
        while self.waiting:
            events, self.waiting = self.waiting[:batch], self.waiting[batch:]
            report = projector.project(events)
            assert not report.failed
            ops.append(report.ops)
        return ops


class Aging:
    """A store on an embedded file whose projections are kept from its stream."""

    def __init__(self, folder: Path, calendar: Calendar) -> None:
        self.stream = Stream()
        self.table = SqliteTable(
            folder / "aging.ddb", durability="process", observer=self.stream.record
        )
        self.table.create()
        self.store = store_on(self.table, folder)
        self.calendar = calendar

    def settle(self) -> None:
        """The stream is handled to its end."""
        self.stream.deliver(self.table)

    def days_pass(self, days: float) -> None:
        """Time passes, and the engine removes what has expired."""
        self.calendar.days_pass(days)
        while self.table.sweep_expired():
            pass

    def project(self, *entities: Entity) -> None:
        """Look at these entities wholly, as a replay does."""
        projector = Projector(self.table, [TtlProjection()], lambda: config_of(self.table))
        assert not projector.project_entities(entities).failed

    def keep_for(self, days: int) -> None:
        """Set how long what is deleted is kept."""
        keep_for(self.table, days)

    def meta(self, entity: Entity) -> Item | None:
        return self.table.get((entity.pk, META))

    def record(self, entity: Entity) -> Item | None:
        """The record of its expiry, or its tombstone."""
        return self.table.get(record_key(entity.pk))


@contextmanager
def aging(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aging]:
    opened = Aging(folder, Calendar(monkeypatch))
    try:
        yield opened
    finally:
        opened.table.close()


def run(run_id: str) -> Entity:
    return Entity(RUN, run_id)


def experiment(experiment_id: str) -> Entity:
    return Entity(EXPERIMENT, experiment_id)


def keep_for(table: Table, days: int) -> None:
    table.write(Put({"PK": CONFIG, "SK": TTL_POLICY, "soft_deleted_retention_days": days}))


def config_of(table: Table) -> Config:
    return config_from_items(table.query_all(CONFIG))


def partitions(table: Table) -> dict[str, int]:
    """How many items each partition has, but for the configuration."""
    return dict(Counter(pk for pk, _ in everything(table, "") if pk != CONFIG))


def many_like(table: Table, run_id: str, count: int) -> None:
    """Many more runs in the place of one, with the same items."""
    items = list(table.query_all(run(run_id).pk))

    def copies() -> Iterator[Put]:
        for _ in range(count):
            copy_id = uuid.uuid4().hex
            for item in items:
                copy = {**item, "PK": run(copy_id).pk}
                if "gsi1sk" in copy:
                    copy["gsi1sk"] = copy["gsi1sk"].replace(run_id, copy_id)
                yield Put(copy)

    table.bulk(copies())


def full_run(store: DynamoTrackingStore, experiment_id: str, model_id: str | None = None) -> str:
    """A run with something of everything."""
    run_id = new_run(store, experiment_id)
    metrics = [Metric("loss", 1.0, 1, step) for step in range(20)]
    store.log_batch(run_id, metrics, [Param("lr", "0.1")], [RunTag("team", "blue")])
    dataset = Dataset("iris", "d1", "s3", "s3://iris", None, None)
    store.log_inputs(run_id, [DatasetInput(dataset, [])])
    if model_id is not None:
        store.log_metric(run_id, Metric("loss", 1.0, 1, 0, model_id))
    return run_id
