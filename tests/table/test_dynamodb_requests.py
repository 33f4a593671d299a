"""How many requests the DynamoDB adapter makes, as its meter counts them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, Compare
from dynamodbstore_table.dynamodb.client import Request
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Check, Delete, Op, Put, Update
from dynamodbstore_table.testing.contract.base import numbered

from tests.conftest import new_table_name

KEY = ("a", "1")
ITEM = {"PK": "a", "SK": "1"}


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def table(dynoxide_endpoint: str, requests: list[Request]) -> Iterator[DynamoDBTable]:
    """A new table that counts its requests from now on."""
    table = DynamoDBTable(
        new_table_name(), endpoint_url=dynoxide_endpoint, on_request=requests.append
    )
    table.create()
    requests.clear()
    yield table
    table.close()


@pytest.fixture
def long_listing(table: DynamoDBTable, requests: list[Request]) -> DynamoDBTable:
    """The table with 120 items in one partition."""
    table.bulk(map(Put, numbered("long", 120)))
    requests.clear()
    return table


@pytest.mark.parametrize(
    ("op", "operation"),
    [
        (Put(ITEM), "PutItem"),
        (Put(ITEM, ITEM_MISSING), "PutItem"),
        (Update(KEY, add={"n": 1}), "UpdateItem"),
        (Delete(KEY), "DeleteItem"),
        (Check(KEY, ITEM_MISSING), "GetItem"),
    ],
    ids=repr,
)
def test_a_single_op_is_one_plain_request(
    table: DynamoDBTable, requests: list[Request], op: Op, operation: str
) -> None:
    table.write(op)

    assert [request.operation for request in requests] == [operation]


def test_several_ops_are_one_transaction(table: DynamoDBTable, requests: list[Request]) -> None:
    table.write(*map(Put, numbered("a", 100)))

    assert [request.operation for request in requests] == ["TransactWriteItems"]


def test_a_failed_condition_costs_no_second_request_to_see_the_item(
    table: DynamoDBTable, requests: list[Request]
) -> None:
    with pytest.raises(ConditionFailed):
        table.write(Update(KEY, set={"x": 1}, condition=ITEM_EXISTS))

    assert len(requests) == 1


def test_an_update_of_an_expired_item_is_two_requests(
    table: DynamoDBTable, requests: list[Request]
) -> None:
    table.write(Put({**ITEM, "ttl": int(time.time()) - 1}))
    requests.clear()

    table.write(Update(KEY, add={"n": 1}))

    assert [request.operation for request in requests] == ["UpdateItem", "PutItem"]


def test_a_page_without_a_filter_is_one_request(
    long_listing: DynamoDBTable, requests: list[Request]
) -> None:
    long_listing.query("long", limit=50)
    long_listing.query("long", limit=50, reverse=True, attributes=["n"])

    assert [request.operation for request in requests] == ["Query", "Query"]


def test_a_filter_that_drops_much_is_met_with_larger_pages(
    long_listing: DynamoDBTable, requests: list[Request]
) -> None:
    page = long_listing.query("long", limit=2, filter=Compare("n", ">=", 115))

    assert [item["n"] for item in page.items] == [115, 116]
    assert len(requests) <= 4


def test_a_batch_get_is_a_request_for_every_hundred_keys(
    long_listing: DynamoDBTable, requests: list[Request]
) -> None:
    long_listing.batch_get([("long", f"{n:05}") for n in range(250)] * 2)

    assert [request.operation for request in requests] == ["BatchGetItem"] * 3


def test_a_bulk_is_a_request_for_every_25_puts(
    table: DynamoDBTable, requests: list[Request]
) -> None:
    table.bulk(map(Put, numbered("a", 60)))

    assert [request.operation for request in requests] == ["BatchWriteItem"] * 3


def test_the_meter_tells_the_capacity_that_was_consumed(
    long_listing: DynamoDBTable, requests: list[Request]
) -> None:
    long_listing.write(Put({**ITEM, "v": "x" * 2000}))
    long_listing.get(KEY)
    long_listing.query("long", limit=1)

    assert requests == [
        Request("PutItem", write_units=2.0),
        Request("GetItem", read_units=1.0),
        Request("Query", read_units=1.0),
    ]
