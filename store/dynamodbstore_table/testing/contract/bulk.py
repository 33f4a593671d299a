"""Contract: any number of ops, each for itself."""

from __future__ import annotations

import pytest

from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, equals
from dynamodbstore_table.errors import ConditionFailed, InvalidOps
from dynamodbstore_table.port import Delete, Item, Put, Table, Update
from dynamodbstore_table.testing.contract.base import Contract, numbered, sort_keys


class BulkContract(Contract):
    def test_a_bulk_puts_updates_and_deletes(self, table: Table) -> None:
        table.bulk(map(Put, numbered("a", 60)))

        events = table.bulk(
            [
                *(Delete(("a", f"{n:05}")) for n in range(30)),
                *(Update(("a", f"{n:05}"), add={"n": 100}) for n in range(30, 60)),
                *map(Put, numbered("b", 30)),
            ]
        )

        assert [item["n"] for item in table.query("a").items] == list(range(130, 160))
        assert table.query("b").items == numbered("b", 30)
        assert {(e.pk, e.sk, e.removed) for e in events} == {
            *(("a", f"{n:05}", n < 30) for n in range(60)),
            *(("b", f"{n:05}", False) for n in range(30)),
        }

    def test_a_bulk_of_nothing_does_nothing(self, table: Table) -> None:
        assert table.bulk([]) == []

    def test_a_bulk_takes_any_iterable(self, table: Table) -> None:
        table.bulk(Put(item) for item in numbered("a", 3))

        assert len(table.query("a").items) == 3

    @pytest.mark.parametrize(
        ("ops", "expected"),
        [
            ([Put({"PK": "a", "SK": "1", "x": 1}), Put({"PK": "a", "SK": "1", "x": 2})], {"x": 2}),
            ([Put({"PK": "a", "SK": "1", "x": 1}), Delete(("a", "1"))], None),
            ([Delete(("a", "1")), Put({"PK": "a", "SK": "1", "x": 3})], {"x": 3}),
            ([Put({"PK": "a", "SK": "1", "n": 1}), Update(("a", "1"), add={"n": 1})], {"n": 2}),
            ([Update(("a", "1"), add={"n": 1}) for _ in range(5)], {"n": 5, "old": 1}),
            (
                [
                    Update(("a", "1"), add={"n": 1}),
                    Delete(("a", "1")),
                    Update(("a", "1"), add={"n": 1}),
                ],
                {"n": 1},
            ),
        ],
        ids=["put put", "put delete", "delete put", "put update", "updates", "update between"],
    )
    def test_the_ops_of_one_key_are_done_in_order(
        self, table: Table, ops: list[Put | Update | Delete], expected: Item | None
    ) -> None:
        table.write(Put({"PK": "a", "SK": "1", "old": 1}))
        around = [Put(item) for item in numbered("b", 40)]

        table.bulk([*around[:20], *ops, *around[20:]])

        found = table.get(("a", "1"))
        assert found == (None if expected is None else {"PK": "a", "SK": "1", **expected})
        assert len(table.query("b").items) == 40

    def test_conditions_that_fail_are_reported_when_all_else_is_done(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "there", "x": 1}))

        with pytest.raises(ConditionFailed) as failed:
            table.bulk(
                [
                    Put({"PK": "b", "SK": "1"}),
                    Update(("a", "there"), set={"x": 2}, condition=equals("x", 9)),
                    Update(("a", "absent"), set={"x": 2}, condition=ITEM_EXISTS),
                    Update(("a", "new"), set={"x": 2}, condition=ITEM_MISSING),
                    Delete(("a", "nothing")),
                ]
            )

        assert failed.value.failures == {1: {"PK": "a", "SK": "there", "x": 1}, 2: None}
        assert sort_keys(table.query("a").items) == ["new", "there"]
        assert table.get(("b", "1")) is not None

    def test_a_condition_that_fails_is_reported_where_a_put_of_the_key_follows(
        self, table: Table
    ) -> None:
        with pytest.raises(ConditionFailed) as failed:
            table.bulk(
                [
                    Update(("a", "1"), set={"x": 1}, condition=ITEM_EXISTS),
                    Put({"PK": "a", "SK": "1", "x": 2}),
                ]
            )

        assert failed.value.failures == {0: None}
        assert table.get(("a", "1")) == {"PK": "a", "SK": "1", "x": 2}

    def test_only_updates_may_have_conditions(self, table: Table) -> None:
        with pytest.raises(InvalidOps):
            table.bulk([Put({"PK": "a", "SK": "1"}, ITEM_MISSING)])
        with pytest.raises(InvalidOps):
            table.bulk([Delete(("a", "1"), ITEM_EXISTS)])

    def test_a_bulk_may_be_larger_than_a_request(self, table: Table) -> None:
        items = numbered("a", 50, blob=b"x" * 390_000)

        table.bulk(map(Put, items))

        assert len(list(table.query_all("a"))) == 50
