"""A store in stream mode, and stream functions that read what it wrote: metered, or as it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import entity_of
from dynamodbstore_projections.all import lifecycle_projections, search_projections
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.projector import Projector
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.port import Observer, Table
from dynamodbstore_table.testing.counting import CountingTable, Meter, Usage
from mlflow_dynamodbstore.location import EndpointLocation, FileLocation, parse_location
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore
from mlflow_dynamodbstore.table_access import open_table, require_table
from operation import Store

_MOST_ROUNDS = 20


@dataclass(slots=True)
class Work:
    """What stream functions did with some events: their own and those that they set off."""

    events: int = 0
    ops: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0


class Deployment:
    """A store at a URI, and two functions that keep its projections, each with its own reading.

    On a file the meter has what the same calls would take on DynamoDB; to compute that takes reads
    of its own, so that times are taken on a deployment that is not ``metered``.
    """

    def __init__(self, uri: str, artifact_root: str, *, metered: bool) -> None:
        self.meter = Meter()
        self.written: list[ChangeEvent] = []
        self.table = _open(uri, self._observe, self.meter if metered else None)
        self.artifact_root = artifact_root
        self.store: Store = DynamoTrackingStore(self.table, artifact_root)
        self._functions = [
            Projector(self.table, kept, ConfigSource(self.table).current)
            for kept in (search_projections(), lifecycle_projections())
        ]

    def _observe(self, _: Table, events: Sequence[ChangeEvent]) -> None:
        # The functions' event filters let through what belongs to an entity.
        self.written += [event for event in events if entity_of(event.pk) is not None]

    def restarted(self) -> Store:
        """A store that remembers nothing."""
        self.store = DynamoTrackingStore(self.table, self.artifact_root)
        return self.store

    def taken(self) -> list[ChangeEvent]:
        """What was written since the last time."""
        events, self.written = self.written, []
        return events

    def project(self, batches: Iterable[Sequence[ChangeEvent]]) -> Work:
        """Hand batches to both functions, and then what they wrote themselves, in one batch."""
        work = Work()
        self.written = []
        self.meter.take()
        begin = time.perf_counter()
        for batch in batches:
            work.events += len(batch)
            self._deliver(batch, work)
            for _ in range(_MOST_ROUNDS):
                own = self.taken()
                if not own:
                    break
                self._deliver(own, work)
        work.seconds = time.perf_counter() - begin
        work.usage = self.meter.take()
        return work

    def _deliver(self, batch: Sequence[ChangeEvent], work: Work) -> None:
        for function in self._functions:
            report = function.project(batch)
            for error in report.failed.values():
                raise error
            work.ops += report.ops


def _open(uri: str, observer: Observer, meter: Meter | None) -> Table:
    location = parse_location(uri)
    table: Table
    if isinstance(location, FileLocation) or meter is None:
        table = open_table(location, observer)
    else:
        endpoint = location.endpoint_url if isinstance(location, EndpointLocation) else None
        region = None if isinstance(location, EndpointLocation) else location.region
        table = DynamoDBTable(
            location.table,
            region=region,
            endpoint_url=endpoint,
            observer=observer,
            on_request=lambda r: meter.record(r.operation, r.write_units, r.read_units),
        )
    require_table(table, location)
    if isinstance(location, FileLocation) and meter is not None:
        return CountingTable(table, meter)
    return table
