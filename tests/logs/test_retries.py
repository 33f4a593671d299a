"""Requests that have to be made again are reported: which, why, and after which pause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import botocore.exceptions
import pytest
from dynamodbstore_table.dynamodb.retry import Backoff, Retry
from dynamodbstore_table.dynamodb.shaped import ShapedDynamoDBTable
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import TableUnavailable, Throttled
from dynamodbstore_table.port import Put
from mlflow_dynamodbstore import table_access
from mlflow_dynamodbstore.location import EndpointLocation
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.commands.endpoints import answering
from tests.conftest import new_table_name
from tests.logs.conftest import Events
from tests.table.faults import Faults

THROTTLED = "ProvisionedThroughputExceededException"
ITEM = {"PK": "a", "SK": "1"}
FIVE = [Put({"PK": "a", "SK": str(number)}) for number in range(5)]


@pytest.fixture
def retries() -> list[Retry]:
    return []


@pytest.fixture
def table(dynoxide_endpoint: str, retries: list[Retry]) -> Iterator[DynamoDBTable]:
    """A table that does not wait long, and reports what it does again."""
    found = DynamoDBTable(
        new_table_name(),
        endpoint_url=dynoxide_endpoint,
        backoff=Backoff(base_s=0.001, cap_s=0.002, attempts=4),
        on_retry=retries.append,
    )
    found.create()
    yield found
    found.close()


def test_throttling_is_reported_with_the_pause(table: DynamoDBTable, retries: list[Retry]) -> None:
    Faults(table).fail("PutItem", THROTTLED, times=2)

    table.write(Put(ITEM))

    assert [(r.operation, r.reason, r.attempt) for r in retries] == [
        ("PutItem", "Throttled", 1),
        ("PutItem", "Throttled", 2),
    ]
    assert all(0 <= (r.pause_ms or 0) <= 2 for r in retries)


def test_a_transaction_conflict_is_reported(table: DynamoDBTable, retries: list[Retry]) -> None:
    Faults(table).cancel("TransactionConflict", "None", times=1)

    table.write(Put(ITEM), Put({"PK": "b", "SK": "1"}))

    assert [(r.operation, r.reason) for r in retries] == [
        ("TransactWriteItems", "TransactionConflict")
    ]


def test_unprocessed_items_of_a_batch_are_reported(
    table: DynamoDBTable, retries: list[Retry]
) -> None:
    faults = Faults(table)
    faults.process_only(3, times=1)
    table.bulk(FIVE)
    faults.process_only(3, times=1)
    table.batch_get([op.key for op in FIVE])

    assert [(r.operation, r.reason, r.attempt) for r in retries] == [
        ("BatchWriteItem", "Unprocessed", 1),
        ("BatchGetItem", "Unprocessed", 1),
    ]


def test_an_attempt_that_the_sdk_repeats_is_reported(
    table: DynamoDBTable, retries: list[Retry]
) -> None:
    lost = iter(range(2))

    def lose(request: Any, **_: Any) -> None:
        if next(lost, None) is not None:
            raise botocore.exceptions.ConnectionClosedError(endpoint_url=request.url)

    Faults(table).on("before-send.dynamodb.GetItem", lose)

    with mock.patch("botocore.endpoint.time.sleep"):
        table.get(("a", "1"))

    assert retries == [
        Retry("GetItem", "ConnectionClosedError", 1),
        Retry("GetItem", "ConnectionClosedError", 2),
    ]


@pytest.mark.parametrize(
    ("body", "status", "reason", "error"),
    [
        ({"__type": f"com.amazonaws.dynamodb.v20120810#{THROTTLED}"}, 400, "Throttled", Throttled),
        ({"__type": "InternalServerError"}, 500, "InternalServerError", TableUnavailable),
    ],
)
def test_each_answer_of_a_service_in_trouble_is_reported(
    retries: list[Retry], body: dict[str, str], status: int, reason: str, error: type[Exception]
) -> None:
    with answering(body, status) as url, mock.patch("botocore.endpoint.time.sleep"):
        table = DynamoDBTable(
            "mlflow", endpoint_url=url, backoff=Backoff(attempts=1), on_retry=retries.append
        )
        with pytest.raises(error):
            table.get(("a", "1"))
        table.close()

    assert retries == [Retry("GetItem", reason, attempt) for attempt in (1, 2, 3)]


def test_a_failed_condition_is_not_reported(table: DynamoDBTable, retries: list[Retry]) -> None:
    table.write(Put(ITEM))
    table.get(("a", "2"))

    assert retries == []


def test_a_store_logs_retries(
    events: Events, dynoxide_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[DynamoDBTable] = []
    make = ShapedDynamoDBTable

    def make_quick(*arguments: Any, **options: Any) -> DynamoDBTable:
        backoff = Backoff(base_s=0.001, cap_s=0.002)
        opened.append(make(*arguments, **options, backoff=backoff))
        return opened[-1]

    monkeypatch.setattr("dynamodbstore_table.dynamodb.shaped.ShapedDynamoDBTable", make_quick)
    name = new_table_name()
    store = build_tracking_store(f"dynamodb://{dynoxide_endpoint}/{name}", str(tmp_path))
    Faults(opened[0]).fail("TransactWriteItems", THROTTLED, times=1)

    store.create_experiment("lions")

    (event,) = events("request_retried")
    assert event["operation"] == "TransactWriteItems"
    assert event["reason"] == "Throttled"


def test_a_command_does_not_log_retries() -> None:
    table = table_access.open_table(EndpointLocation("http://127.0.0.1:1", "mlflow"))

    assert isinstance(table, DynamoDBTable)
    assert table.client._on_retry is None
