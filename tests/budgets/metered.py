"""A tracking store with a meter on its table, and what an operation on it costs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table
from dynamodbstore_table.testing.counting import CountingTable, Meter, Usage
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore


@dataclass(frozen=True)
class MeteredStore:
    """A store with an experiment and a run that it has just made, and so remembers; also the
    configuration, which a server reads when it starts."""

    store: DynamoTrackingStore
    meter: Meter
    experiment_id: str
    run_id: str

    def cost(self, work: Callable[[], Any]) -> Usage:
        """What the work alone costs."""
        self.meter.take()
        work()
        return self.meter.take()

    def new_run(self) -> str:
        """Another run of the experiment."""
        run_id: str = self.store.create_run(self.experiment_id, "ada", 1, [], None).info.run_id
        return run_id


@contextmanager
def on_file(path: Path) -> Iterator[MeteredStore]:
    """A store on an embedded file, with what its calls would cost on DynamoDB."""
    table = SqliteTable(path, durability="process")
    table.create()
    try:
        meter = Meter()
        yield _with_run(CountingTable(table, meter), meter)
    finally:
        table.close()


@contextmanager
def on_endpoint(url: str) -> Iterator[MeteredStore]:
    """A store on a server, with the requests that it made and the capacity the server charged."""
    table, meter = metered_table(url)
    table.create()
    try:
        yield _with_run(table, meter)
    finally:
        table.close()


def metered_table(url: str) -> tuple[DynamoDBTable, Meter]:
    """A table of its own on a server, not created yet, and the meter of its requests."""
    meter = Meter()
    table = DynamoDBTable(
        f"test-{uuid.uuid4().hex}",
        endpoint_url=url,
        on_request=lambda r: meter.record(r.operation, r.write_units, r.read_units),
    )
    return table, meter


def _with_run(table: Table, meter: Meter) -> MeteredStore:
    store = DynamoTrackingStore(table, "file:///artifacts")
    store.ensure_default_experiment()
    return with_new_run(store, meter)


def with_new_run(store: DynamoTrackingStore, meter: Meter) -> MeteredStore:
    """The store with another experiment and a run in it."""
    store._config.current()
    experiment_id = store.create_experiment(f"budgets {uuid.uuid4().hex}", None, [])
    run_id = store.create_run(experiment_id, "ada", 1, [], None).info.run_id
    return MeteredStore(store, meter, experiment_id, run_id)
