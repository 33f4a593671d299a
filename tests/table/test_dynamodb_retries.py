"""A busy DynamoDB: unprocessed items, throttling and conflicts, put in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from unittest import mock

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_table.conditions import ITEM_MISSING
from dynamodbstore_table.dynamodb.client import Request
from dynamodbstore_table.dynamodb.retry import Backoff
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import ConditionFailed, Throttled, TransactionConflict
from dynamodbstore_table.port import Delete, Op, Put, Update
from dynamodbstore_table.testing.contract.base import numbered, sort_keys

from tests.conftest import new_table_name
from tests.table.faults import Faults

ATTEMPTS = 5
KEY = ("a", "1")
ITEM = {"PK": "a", "SK": "1"}
THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture
def observed() -> list[ChangeEvent]:
    """What the table's observer was handed."""
    return []


@pytest.fixture
def requests() -> list[Request]:
    """The HTTP requests that the table made."""
    return []


@pytest.fixture
def table(
    dynoxide_endpoint: str, observed: list[ChangeEvent], requests: list[Request]
) -> Iterator[DynamoDBTable]:
    table = DynamoDBTable(
        new_table_name(),
        endpoint_url=dynoxide_endpoint,
        observer=lambda _, events: observed.extend(events),
        on_request=requests.append,
        backoff=Backoff(base_s=0.001, cap_s=0.002, attempts=ATTEMPTS),
    )
    table.create()
    yield table
    table.close()


@pytest.fixture
def faults(table: DynamoDBTable) -> Faults:
    return Faults(table)


class TestUnprocessedItems:
    def test_what_was_not_written_is_written_again(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        table.bulk(map(Put, numbered("old", 30)))
        faults.calls.clear()
        faults.process_only(7)

        table.bulk([*map(Put, numbered("a", 30)), *(Delete(("old", f"{n:05}")) for n in range(30))])

        assert table.query("a").items == numbered("a", 30)
        assert table.query("old").items == []

    def test_nothing_is_written_twice(self, table: DynamoDBTable, faults: Faults) -> None:
        faults.process_only(4)

        table.bulk(map(Put, numbered("a", 60)))

        sent = Counter(
            entry["PutRequest"]["Item"]["SK"]["S"]
            for name, parameters in faults.calls
            if name == "BatchWriteItem"
            for entry in parameters["RequestItems"][table.name][:4]
        )
        assert set(sent.values()) == {1}
        assert len(sent) == 60

    def test_batches_that_come_back_whole_are_sent_again(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.process_nothing("BatchWriteItem", times=3)

        table.bulk(map(Put, numbered("a", 20)))

        assert len(table.query("a").items) == 20
        assert faults.count("BatchWriteItem") == 4

    def test_a_batch_that_always_comes_back_is_throttled(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.process_nothing("BatchWriteItem")

        with pytest.raises(Throttled, match="20 ops"):
            table.bulk(map(Put, numbered("a", 20)))

        assert faults.count("BatchWriteItem") == ATTEMPTS

    def test_what_was_done_is_observed_where_something_else_fails(
        self, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.process_nothing("BatchWriteItem")

        with pytest.raises(Throttled):
            table.bulk([Put(ITEM), Update(("b", "1"), set={"x": 1})])

        assert [(event.pk, event.sk) for event in observed] == [("b", "1")]

    def test_bulk_hands_over_what_was_processed_of_a_batch_that_fails(
        self, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.process_only(7, times=1)
        faults.process_nothing("BatchWriteItem", after=1)

        with pytest.raises(Throttled):
            table.bulk(map(Put, numbered("a", 20)))

        assert {(event.pk, event.sk) for event in observed} >= {
            (item["PK"], item["SK"]) for item in table.query("a").items
        }
        assert len(table.query("a").items) == 7

    def test_keys_that_were_not_read_are_read_again(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        items = numbered("a", 130)
        table.bulk(map(Put, items))
        faults.process_only(30)

        found = table.batch_get([("a", item["SK"]) for item in items])

        assert sorted(sort_keys(found.values())) == sort_keys(items)

    def test_keys_that_are_never_read_are_throttled(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.process_nothing("BatchGetItem")

        with pytest.raises(Throttled, match="2 keys"):
            table.batch_get([KEY, ("a", "2")])

        assert faults.count("BatchGetItem") == ATTEMPTS


class TestThrottling:
    def test_a_throttled_write_is_tried_again(self, table: DynamoDBTable, faults: Faults) -> None:
        faults.fail("UpdateItem", THROTTLED, times=3)

        table.write(Update(KEY, add={"n": 1}))

        assert table.get(KEY) == {**ITEM, "n": 1}
        assert faults.count("UpdateItem") == 4

    @pytest.mark.parametrize(
        "code", [THROTTLED, "ThrottlingException", "RequestLimitExceeded", "ThrottlingError"]
    )
    def test_a_write_that_is_always_throttled_raises_throttled(
        self, table: DynamoDBTable, faults: Faults, code: str
    ) -> None:
        faults.fail("PutItem", code, message="slow down")

        with pytest.raises(Throttled, match="slow down"):
            table.write(Put(ITEM))

        assert faults.count("PutItem") == ATTEMPTS

    def test_every_page_of_a_throttled_listing_arrives_once(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        items = numbered("a", 60, blob=b"x" * 50_000)
        table.bulk(map(Put, items))
        faults.fail("Query", THROTTLED, times=2)

        found = list(table.query_all("a"))
        faults.fail("Query", THROTTLED, times=2)
        read_whole = table.partitions(["a"])["a"]

        assert found == items
        assert read_whole == items

    def test_a_throttled_bulk_does_the_rest(self, table: DynamoDBTable, faults: Faults) -> None:
        faults.fail("UpdateItem", THROTTLED)

        with pytest.raises(Throttled):
            table.bulk([*map(Put, numbered("a", 40)), Update(("b", "1"), add={"n": 1})])

        assert len(table.query("a").items) == 40

    def test_the_sdk_makes_a_request_again_whose_connection_broke(
        self, table: DynamoDBTable, requests: list[Request], faults: Faults
    ) -> None:
        table.write(Put(ITEM))
        requests.clear()
        faults.lose_answers("GetItem", times=2)

        assert table.get(KEY) == ITEM

        assert [request.operation for request in requests] == ["GetItem"] * 3


class TestConflicts:
    @pytest.mark.parametrize(
        "reasons",
        [
            ("TransactionConflict", "None"),
            ("None", "ThrottlingError"),
            ("ProvisionedThroughputExceeded", "TransactionConflict"),
        ],
        ids="-".join,
    )
    def test_a_cancelled_transaction_is_tried_again(
        self, table: DynamoDBTable, faults: Faults, reasons: tuple[str, str]
    ) -> None:
        faults.cancel(*reasons, times=3)

        table.write(Update(KEY, add={"n": 1}), Update(("b", "1"), add={"n": 1}))

        assert table.get(KEY) == {**ITEM, "n": 1}
        assert table.get(("b", "1")) == {"PK": "b", "SK": "1", "n": 1}

    def test_each_try_is_a_transaction_of_its_own(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.cancel("TransactionConflict", "None", times=2)

        table.write(Put(ITEM), Put({"PK": "b", "SK": "1"}))

        tokens = [parameters["ClientRequestToken"] for _, parameters in faults.calls]
        assert len(set(tokens)) == 3

    def test_a_conflict_that_lasts_is_raised(self, table: DynamoDBTable, faults: Faults) -> None:
        faults.cancel("None", "TransactionConflict")

        with pytest.raises(TransactionConflict):
            table.write(Put(ITEM), Put({"PK": "b", "SK": "1"}))

        assert faults.count("TransactWriteItems") == ATTEMPTS

    def test_throttling_that_lasts_cancels_as_throttling(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.cancel("None", "ThrottlingError")

        with pytest.raises(Throttled):
            table.write(Put(ITEM), Put({"PK": "b", "SK": "1"}))

    def test_a_failed_condition_is_not_tried_again_for_a_conflict(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.cancel("TransactionConflict", "ConditionalCheckFailed")

        with pytest.raises(ConditionFailed) as failed:
            table.write(Put(ITEM), Put({"PK": "b", "SK": "1"}, ITEM_MISSING))

        assert failed.value.failures == {1: None}
        assert faults.count("TransactWriteItems") == 1

    def test_a_single_write_that_meets_a_transaction_is_tried_again(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.fail("UpdateItem", "TransactionConflictException", times=3)

        table.write(Update(KEY, add={"n": 1}))

        assert table.get(KEY) == {**ITEM, "n": 1}

    @pytest.mark.parametrize(
        ("operation", "op", "left"),
        [
            ("PutItem", Put({**ITEM, "n": 2}), {**ITEM, "n": 2}),
            ("UpdateItem", Update(KEY, add={"n": 1}), {**ITEM, "n": 2}),
            ("DeleteItem", Delete(KEY), None),
        ],
    )
    def test_write_is_tried_again_when_another_region_writes_to_the_item(
        self, table: DynamoDBTable, faults: Faults, operation: str, op: Op, left: object
    ) -> None:
        table.write(Put({**ITEM, "n": 1}))
        faults.fail(operation, "ReplicatedWriteConflictException", times=3)

        table.write(op)

        assert table.get(KEY) == left

    def test_bulk_is_tried_again_when_another_region_writes_to_the_items(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.fail("BatchWriteItem", "ReplicatedWriteConflictException", times=3)

        table.bulk(map(Put, numbered("a", 5)))

        assert table.query("a").items == numbered("a", 5)

    def test_write_raises_a_conflict_when_another_region_does_not_stop_writing(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.fail("PutItem", "ReplicatedWriteConflictException", times=100)

        with pytest.raises(TransactionConflict):
            table.write(Put(ITEM))


class TestExpiredItems:
    @pytest.mark.parametrize(
        ("more", "operation", "requests_before"),
        [([], "PutItem", 0), ([Put({"PK": "b", "SK": "1"})], "TransactWriteItems", 1)],
        ids=["alone", "in a transaction"],
    )
    def test_two_who_update_one_at_once_both_count(
        self,
        table: DynamoDBTable,
        faults: Faults,
        dynoxide_endpoint: str,
        more: list[Op],
        operation: str,
        requests_before: int,
    ) -> None:
        # Given an item that has expired
        table.write(Put({**ITEM, "n": 100, "ttl": 1}))
        numbers = iter(range(10))

        # When another writer comes just before it is made anew
        def come_between(**_: object) -> None:
            if next(numbers) == requests_before:
                with closing(DynamoDBTable(table.name, endpoint_url=dynoxide_endpoint)) as other:
                    other.write(Update(KEY, add={"n": 1}))

        faults.on(f"before-call.dynamodb.{operation}", come_between)
        table.write(Update(KEY, add={"n": 1}), *more)

        # Then neither is lost
        assert table.get(KEY) == {**ITEM, "n": 2}


class TestBackoff:
    def test_the_pauses_double_up_to_a_cap(self) -> None:
        backoff = Backoff(base_s=0.1, cap_s=1.0, attempts=8)

        with mock.patch("random.uniform", side_effect=lambda low, high: high):
            longest = list(backoff.delays())

        assert longest == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]

    def test_the_pauses_are_spread_over_their_whole_length(self) -> None:
        pauses = [next(Backoff(base_s=1.0).delays()) for _ in range(200)]

        assert min(pauses) < 0.2
        assert max(pauses) > 0.8
        assert all(0 <= pause <= 1 for pause in pauses)

    def test_a_pause_is_made_before_each_further_attempt(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.fail("PutItem", THROTTLED, times=3)

        with mock.patch("dynamodbstore_table.dynamodb.retry.time.sleep") as pause:
            table.write(Put(ITEM))

        assert pause.call_count == 3
