"""Creating the table: its schema, many servers at once, engines that support less."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.port import Put
from moto import mock_aws

from tests.conftest import new_table_name
from tests.table.faults import Faults


@pytest.fixture
def table() -> Iterator[DynamoDBTable]:
    """A table in a region, not created yet."""
    with mock_aws():
        table = DynamoDBTable(new_table_name(), region="eu-west-1", max_connections=1)
        yield table
        table.close()


def test_a_new_table_has_the_schema_of_the_design(table: DynamoDBTable) -> None:
    assert not table.exists()

    table.create()

    found = _described(table)
    indexes = {index["IndexName"]: index for index in found["GlobalSecondaryIndexes"]}
    assert _keys(found) == ["PK", "SK"]
    assert _keys(indexes["GSI1"]) == ["gsi1pk", "gsi1sk"]
    assert _keys(indexes["GSI2"]) == ["gsi2pk", "gsi2sk"]
    assert indexes["GSI1"]["Projection"] == {"ProjectionType": "ALL"}
    assert indexes["GSI2"]["Projection"] == {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": ["ttl"],
    }
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert found["StreamSpecification"] == {
        "StreamEnabled": True,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    assert "LocalSecondaryIndexes" not in found or not found["LocalSecondaryIndexes"]


def test_a_new_table_has_time_to_live_and_backups(table: DynamoDBTable) -> None:
    table.create()

    time_to_live = table.client.call("describe_time_to_live")["TimeToLiveDescription"]
    backups = table.client.call("describe_continuous_backups")["ContinuousBackupsDescription"]
    assert time_to_live == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    recovery = backups["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_servers_that_start_together_create_one_table(dynoxide_endpoint: str) -> None:
    name = new_table_name()
    tables = [DynamoDBTable(name, endpoint_url=dynoxide_endpoint) for _ in range(6)]

    def start(table: DynamoDBTable) -> None:
        table.create()
        table.write(Put({"PK": "a", "SK": str(id(table))}))

    with ThreadPoolExecutor(6) as servers:
        list(servers.map(start, tables))

    assert len(tables[0].query("a").items) == 6
    for table in tables:
        table.close()


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("UpdateTimeToLive", "UnknownOperationException"),
        ("UpdateTimeToLive", "ValidationException"),
        ("DescribeTimeToLive", "UnknownOperationException"),
        ("UpdateContinuousBackups", "UnknownOperationException"),
    ],
)
def test_an_engine_may_support_less(table: DynamoDBTable, operation: str, code: str) -> None:
    Faults(table).fail(operation, code)

    table.create()

    assert table.exists()


def test_an_engine_may_lack_streams(table: DynamoDBTable) -> None:
    faults = Faults(table)
    faults.fail("CreateTable", "ValidationException", times=1, message="no streams here")

    table.create()

    assert "StreamSpecification" not in _described(table)
    assert faults.count("CreateTable") == 2


def test_backups_that_are_denied_are_a_warning(
    table: DynamoDBTable, caplog: pytest.LogCaptureFixture
) -> None:
    Faults(table).fail("UpdateContinuousBackups", "AccessDeniedException")

    with caplog.at_level(logging.WARNING):
        table.create()

    assert table.exists()
    assert "without point-in-time recovery" in caplog.text


def _described(table: DynamoDBTable) -> Any:
    return table.client.call("describe_table")["Table"]


def _keys(described: Any) -> list[str]:
    return [key["AttributeName"] for key in described["KeySchema"]]
