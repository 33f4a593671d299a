"""Writes whose answer is lost: decided by what they left behind, and handed to the observer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest import mock

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, Length, both, equals
from dynamodbstore_table.dynamodb.retry import Backoff
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import ConditionFailed, TableError, TableUnavailable, Throttled
from dynamodbstore_table.port import Delete, Item, Op, Put, Update

from tests.conftest import new_table_name
from tests.table.faults import ALWAYS, Faults

KEY = ("a", "1")
ITEM = {"PK": "a", "SK": "1"}
OTHER = Put({"PK": "b", "SK": "1"})
THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture(autouse=True)
def _sdk_retries_at_once() -> Iterator[None]:
    with mock.patch("botocore.endpoint.time.sleep"):
        yield


@pytest.fixture
def observed() -> list[ChangeEvent]:
    """What the table's observer was handed."""
    return []


@pytest.fixture
def table(dynoxide_endpoint: str, observed: list[ChangeEvent]) -> Iterator[DynamoDBTable]:
    table = DynamoDBTable(
        new_table_name(),
        endpoint_url=dynoxide_endpoint,
        observer=lambda _, events: observed.extend(events),
        backoff=Backoff(base_s=0.001, cap_s=0.002, attempts=3),
    )
    table.create()
    yield table
    table.close()


@pytest.fixture
def faults(table: DynamoDBTable) -> Faults:
    return Faults(table)


@dataclass(frozen=True)
class Case:
    """A write that its own first try would refuse when it is repeated."""

    operation: str
    op: Op
    before: Item | None
    after: Item | None
    ops: tuple[Op, ...] = field(default=())


CASES = {
    "put of a new item": Case(
        "PutItem", Put({**ITEM, "v": "x"}, ITEM_MISSING), None, {**ITEM, "v": "x"}
    ),
    "put in place of another": Case(
        "PutItem", Put({**ITEM, "v": "y"}, equals("v", "x")), {**ITEM, "v": "x"}, {**ITEM, "v": "y"}
    ),
    "delete": Case("DeleteItem", Delete(KEY, ITEM_EXISTS), ITEM, None),
    "delete of one's own": Case(
        "DeleteItem", Delete(KEY, equals("id", "me")), {**ITEM, "id": "me"}, None
    ),
    "update that sets": Case(
        "UpdateItem",
        Update(KEY, set={"stage": "deleted"}, condition=equals("stage", "active")),
        {**ITEM, "stage": "active"},
        {**ITEM, "stage": "deleted"},
    ),
    "update that sets and adds": Case(
        "UpdateItem",
        Update(KEY, set={"change": "c1"}, add={"epoch": 1}, condition=equals("epoch", 4)),
        {**ITEM, "epoch": 4},
        {**ITEM, "epoch": 5, "change": "c1"},
    ),
    "update that removes": Case(
        "UpdateItem",
        Update(KEY, remove=("ttl",), condition=equals("ttl", 2**40)),
        {**ITEM, "ttl": 2**40},
        ITEM,
    ),
    "update that appends": Case(
        "UpdateItem",
        Update(KEY, append={"l": ["b"]}, condition=both(ITEM_EXISTS, Length("l", "=", 1))),
        {**ITEM, "l": ["a"]},
        {**ITEM, "l": ["a", "b"]},
    ),
    "update of an expired item": Case(
        "PutItem",
        Update(KEY, append={"l": ["b"]}, add={"n": 1}),
        {**ITEM, "l": ["a"], "n": 7, "ttl": 1},
        {**ITEM, "l": ["b"], "n": 1},
    ),
}


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest, table: DynamoDBTable, observed: list[ChangeEvent]) -> Case:
    """A case whose item is there as it is before."""
    case = CASES[request.param]
    if case.before is not None:
        table.write(Put(case.before))
    observed.clear()
    return case


def keys_of(events: list[ChangeEvent]) -> list[tuple[Key, bool]]:
    return [((event.pk, event.sk), event.removed) for event in events]


class TestWrite:
    @pytest.mark.parametrize("times", [1, 3])
    def test_write_succeeds_when_answers_are_lost(
        self,
        case: Case,
        times: int,
        table: DynamoDBTable,
        faults: Faults,
        observed: list[ChangeEvent],
    ) -> None:
        faults.lose_answers(case.operation, times)

        events = table.write(case.op)

        # Then it has been done once, and is observed without the item that it has made itself.
        assert table.get(KEY) == case.after
        assert events == observed == [ChangeEvent(*KEY, removed=case.after is None)]

    def test_write_succeeds_when_the_repetition_is_throttled(
        self, case: Case, table: DynamoDBTable, faults: Faults
    ) -> None:
        # Given a lost answer, and throttling until the SDK has no attempts left
        faults.answer(case.operation, None, THROTTLED, THROTTLED, THROTTLED)

        table.write(case.op)

        assert table.get(KEY) == case.after

    def test_write_succeeds_when_the_engine_reports_an_error_of_its_own(
        self, case: Case, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.answer(case.operation, "InternalServerError")

        table.write(case.op)

        assert table.get(KEY) == case.after
        assert keys_of(observed) == [(KEY, case.after is None)]

    def test_write_hands_over_what_ended_in_doubt(
        self, case: Case, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.lose_answers(case.operation, ALWAYS)

        with pytest.raises(TableUnavailable) as raised:
            table.write(case.op)

        assert raised.value.in_doubt
        assert keys_of(observed) == [(KEY, case.after is None)]
        assert table.get(KEY) == case.after

    def test_write_does_a_transaction_once_when_answers_are_lost(
        self, case: Case, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.lose_answers("TransactWriteItems", times=2)

        table.write(case.op, OTHER)

        assert table.get(KEY) == case.after
        assert keys_of(observed) == [(KEY, case.after is None), (OTHER.key, False)]

    def test_write_does_a_transaction_once_when_its_repetition_is_throttled(
        self, case: Case, table: DynamoDBTable, faults: Faults
    ) -> None:
        faults.answer("TransactWriteItems", None, THROTTLED, THROTTLED, THROTTLED)

        table.write(case.op, OTHER)

        assert table.get(KEY) == case.after

    def test_write_hands_over_a_transaction_that_ended_in_doubt(
        self, case: Case, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.lose_answers("TransactWriteItems", ALWAYS)

        with pytest.raises(TableUnavailable) as raised:
            table.write(case.op, OTHER)

        assert raised.value.in_doubt
        assert keys_of(observed) == [(KEY, case.after is None), (OTHER.key, False)]

    @pytest.mark.parametrize(
        ("op", "there"),
        [
            (Put({**ITEM, "owner": "me"}, ITEM_MISSING), {**ITEM, "owner": "you"}),
            (Put({**ITEM, "v": "y"}, equals("v", "x")), {**ITEM, "v": "y", "more": 1}),
            (Delete(KEY, equals("id", "me")), {**ITEM, "id": "you"}),
            (Update(KEY, set={"x": 1}, condition=equals("stage", "a")), {**ITEM, "stage": "b"}),
            (Update(KEY, set={"x": 1}, condition=ITEM_EXISTS), None),
            (Update(KEY, remove=("x",), condition=equals("v", 1)), {**ITEM, "x": 2}),
            (Update(KEY, add={"n": 1}, condition=equals("n", 4)), {**ITEM, "n": 5}),
            (Update(KEY, append={"l": [1]}, condition=ITEM_MISSING), {**ITEM, "l": [2]}),
        ],
        ids=repr,
    )
    def test_write_is_refused_by_what_another_has_made(
        self,
        op: Op,
        there: Item | None,
        table: DynamoDBTable,
        faults: Faults,
        observed: list[ChangeEvent],
    ) -> None:
        if there is not None:
            table.write(Put(there))
        observed.clear()
        faults.lose_answers({Put: "PutItem", Delete: "DeleteItem"}.get(type(op), "UpdateItem"))

        with pytest.raises(ConditionFailed) as failed:
            table.write(op)

        # Then it is in doubt: its first try may have been done before the other came.
        assert failed.value.item == there
        assert failed.value.in_doubt
        assert keys_of(observed) == [(KEY, isinstance(op, Delete))]

    def test_write_of_a_new_item_succeeds_when_a_projection_has_added_to_it(
        self, table: DynamoDBTable, faults: Faults, dynoxide_endpoint: str
    ) -> None:
        # Given a stream function that is quicker than the repetition
        def denormalize(**_: object) -> None:
            other = DynamoDBTable(table.name, endpoint_url=dynoxide_endpoint)
            other.write(Update(KEY, set={"tag.team": "red"}))
            other.close()

        faults.lose_answers("PutItem")
        faults.on("needs-retry.dynamodb.PutItem", denormalize)

        table.write(Put({**ITEM, "name": "n"}, ITEM_MISSING))

        assert table.get(KEY) == {**ITEM, "name": "n", "tag.team": "red"}

    def test_write_is_not_observed_when_no_server_was_found(
        self, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.refuse_connections()

        with pytest.raises(TableUnavailable) as raised:
            table.write(OTHER)

        assert not raised.value.in_doubt
        assert observed == []

    def test_write_is_not_observed_when_it_was_refused(
        self, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.fail("PutItem", THROTTLED)

        with pytest.raises(Throttled) as throttled:
            table.write(OTHER)
        with pytest.raises(ConditionFailed) as failed:
            table.write(Delete(KEY, ITEM_EXISTS))

        assert not throttled.value.in_doubt
        assert not failed.value.in_doubt
        assert observed == []

    def test_write_raises_its_own_error_when_the_observer_fails_too(
        self, table: DynamoDBTable, faults: Faults
    ) -> None:
        def fail(*_: object) -> None:
            raise TableError("the observer's own")

        table.observer = fail
        faults.lose_answers("PutItem", ALWAYS)

        with pytest.raises(TableUnavailable):
            table.write(OTHER)


class TestBulk:
    def test_bulk_succeeds_when_answers_are_lost(
        self, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        table.write(Put({**ITEM, "stage": "a"}))
        observed.clear()
        faults.lose_answers("UpdateItem")
        faults.lose_answers("BatchWriteItem")
        update = Update(KEY, set={"stage": "b"}, condition=equals("stage", "a"))

        table.bulk([update, OTHER, Delete(("c", "1"))])

        assert table.get(KEY) == {**ITEM, "stage": "b"}
        assert sorted(keys_of(observed)) == [
            (KEY, False),
            (OTHER.key, False),
            (("c", "1"), True),
        ]

    @pytest.mark.parametrize("operation", ["UpdateItem", "BatchWriteItem"])
    def test_bulk_hands_over_what_ended_in_doubt(
        self, operation: str, table: DynamoDBTable, faults: Faults, observed: list[ChangeEvent]
    ) -> None:
        faults.lose_answers(operation, ALWAYS)

        with pytest.raises(TableUnavailable):
            table.bulk([Update(KEY, set={"x": 1}), OTHER])

        assert sorted(keys_of(observed)) == [(KEY, False), (OTHER.key, False)]
