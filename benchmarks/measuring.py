"""Requests, capacity units and time of an operation, each in a pass of its own."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.port import Table
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow_dynamodbstore.location import EndpointLocation, FileLocation, parse_location
from mlflow_dynamodbstore.table_access import open_table
from operation import AnyFixtures, Operation, Step, Store

_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call of an operation costs, on average."""

    requests: float
    write_units: float
    read_units: float
    by_request: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """A store whose operations are timed, and what they work on."""

    store: Store
    fixtures: AnyFixtures


def open_metered(uri: str) -> tuple[Table, Meter]:
    """The table at ``uri`` once more, and the meter of its requests.

    On an endpoint or in a region the meter has the requests that were made and the capacity that
    the engine reports for them; on a file, what the same calls would take on DynamoDB.
    """
    meter = Meter()
    location = parse_location(uri)
    if isinstance(location, FileLocation):
        return CountingTable(open_table(location), meter), meter
    endpoint = location.endpoint_url if isinstance(location, EndpointLocation) else None
    region = None if isinstance(location, EndpointLocation) else location.region
    table = DynamoDBTable(
        location.table,
        region=region,
        endpoint_url=endpoint,
        on_request=lambda r: meter.record(r.operation, r.write_units, r.read_units),
    )
    return table, meter


def meter_operation(
    operation: Operation, store: Store, fixtures: AnyFixtures, meter: Meter
) -> Cost:
    """The average cost of an operation's calls, after the store has met what they work on."""
    # An even number, as some steps undo the one before.
    warm_up = 2
    step = operation.prepare(store, fixtures.through(store), warm_up + operation.metered)
    for i in range(warm_up):
        step(i)
    meter.take()
    for i in range(warm_up, warm_up + operation.metered):
        step(i)
    usage = meter.take()
    calls = operation.metered
    return Cost(
        usage.total_requests / calls,
        usage.write_units / calls,
        usage.read_units / calls,
        {name: number / calls for name, number in sorted(usage.requests.items())},
    )


def time_operation(operation: Operation, subjects: list[Subject]) -> list[float]:
    """The median ms of a call on each of the stores, which take turns so that drift hits all."""
    calls, blocks = operation.calls, operation.blocks
    warm_up = min(_WARM_UP, calls) if calls > 1 else 1
    count = warm_up + blocks * calls
    steps = [operation.prepare(s.store, s.fixtures, count) for s in subjects]
    for step in steps:
        _timed(step, 0, warm_up)
    times: list[list[float]] = [[] for _ in subjects]
    for block in range(blocks):
        turn = list(range(len(steps)))
        for subject in turn if block % 2 == 0 else reversed(turn):
            elapsed = _timed(steps[subject], warm_up + block * calls, calls)
            times[subject].append(1000 * elapsed / calls)
    return [statistics.median(t) for t in times]


def _timed(step: Step, first: int, calls: int) -> float:
    begin = time.perf_counter()
    for i in range(first, first + calls):
        step(i)
    return time.perf_counter() - begin
