"""Contract: an item past its ``ttl`` is no item, long before the engine removes it."""

from __future__ import annotations

import time

import pytest

from dynamodbstore_table.conditions import (
    ITEM_EXISTS,
    ITEM_MISSING,
    Compare,
    Condition,
    Exists,
    Missing,
    Not,
    equals,
)
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Check, Delete, Item, Put, Table, Update
from dynamodbstore_table.testing.contract.base import Contract, sort_keys

PAST = int(time.time()) - 60
FUTURE = int(time.time()) + 10**6
KEY = ("a", "1")
ITEM: Item = {"PK": "a", "SK": "1"}
EXPIRED: Item = {**ITEM, "x": 1, "n": 5, "l": ["old"], "ttl": PAST}


class ExpiryContract(Contract):
    @pytest.fixture
    def mixed(self, table: Table) -> Table:
        """A table in which two of three items of a partition and of both indexes have expired."""
        table.bulk(
            Put(
                {
                    "PK": "mixed",
                    "SK": f"{n:03}",
                    "ttl": FUTURE if n % 3 == 0 else PAST,
                    "gsi1pk": "list",
                    "gsi1sk": f"{n:03}",
                    "gsi2pk": "lookup",
                    "gsi2sk": f"{n:03}",
                }
            )
            for n in range(30)
        )
        return table

    def test_reads_do_not_show_an_expired_item(self, table: Table) -> None:
        table.write(Put(EXPIRED))

        assert table.get(KEY) is None
        assert table.get(KEY, attributes=["x"]) is None
        assert table.batch_get([KEY]) == {}
        assert table.batch_get([KEY], attributes=["x"]) == {}
        assert table.query("a").items == []
        assert table.query("a", attributes=["x"]).items == []
        assert table.partitions(["a"]) == {"a": []}
        assert table.scan().items == []

    def test_an_item_expires_when_its_second_begins(self, table: Table) -> None:
        table.write(Put({**ITEM, "n": 5, "ttl": int(time.time())}))

        assert table.get(KEY) is None
        table.write(Update(KEY, add={"n": 1}, condition=ITEM_MISSING))
        assert table.get(KEY) == {**ITEM, "n": 1}

    def test_an_item_before_its_time_is_there(self, table: Table) -> None:
        table.write(Put({**ITEM, "ttl": FUTURE}))

        assert table.get(KEY) == {**ITEM, "ttl": FUTURE}
        assert table.query("a", attributes=["SK"]).items == [{"SK": "1"}]

    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("limit", [1, 3, 4, 30])
    def test_the_limit_counts_what_is_there(self, mixed: Table, limit: int, reverse: bool) -> None:
        there = sorted((f"{n:03}" for n in range(0, 30, 3)), reverse=reverse)

        page = mixed.query("mixed", limit=limit, reverse=reverse)
        listed = mixed.query("list", index="GSI1", limit=limit, reverse=reverse)
        looked_up = mixed.query("lookup", index="GSI2", limit=limit, reverse=reverse)

        assert sort_keys(page.items) == there[:limit]
        assert sort_keys(listed.items) == there[:limit]
        assert sort_keys(looked_up.items) == there[:limit]

    def test_pages_and_partitions_skip_an_expired_item(self, mixed: Table) -> None:
        there = [f"{n:03}" for n in range(0, 30, 3)]

        assert sort_keys(mixed.query_all("mixed", page_size=2)) == there
        assert sort_keys(mixed.query_all("list", index="GSI1", page_size=2)) == there
        assert sort_keys(mixed.query_all("lookup", index="GSI2", page_size=2)) == there
        assert sort_keys(mixed.query_all("mixed", filter=Exists("gsi1sk"), page_size=3)) == there
        assert sort_keys(mixed.partitions(["mixed"])["mixed"]) == there

    @pytest.mark.parametrize(
        "condition",
        [ITEM_MISSING, Missing("x"), Not(equals("x", 1)), Not(ITEM_EXISTS)],
        ids=repr,
    )
    def test_conditions_for_no_item_hold_of_an_expired_item(
        self, table: Table, condition: Condition
    ) -> None:
        table.write(Put(EXPIRED))

        table.write(Check(KEY, condition))
        table.write(Check(KEY, condition), Put({"PK": "b", "SK": "1"}))
        table.write(Put({**ITEM, "x": 2}, condition))

        assert table.get(KEY) == {**ITEM, "x": 2}

    @pytest.mark.parametrize(
        "condition",
        [ITEM_EXISTS, equals("x", 1), Compare("x", "!=", 2), Compare("ttl", "=", PAST)],
        ids=["exists", "equals", "differs", "ttl"],
    )
    def test_conditions_for_an_item_fail_of_an_expired_item(
        self, table: Table, condition: Condition
    ) -> None:
        table.write(Put(EXPIRED))

        for op in (
            Put(ITEM, condition),
            Update(KEY, set={"x": 2}, condition=condition),
            Delete(KEY, condition),
            Check(KEY, condition),
        ):
            with pytest.raises(ConditionFailed) as alone:
                table.write(op)
            with pytest.raises(ConditionFailed) as together:
                table.write(Put({"PK": "b", "SK": "1"}), op)
            assert alone.value.failures == {0: None}
            assert together.value.failures == {1: None}
        assert table.scan().items == []

    @pytest.mark.parametrize(
        "condition", [None, ITEM_MISSING, Not(equals("x", 1))], ids=["none", "missing", "not"]
    )
    def test_an_update_of_an_expired_item_starts_from_nothing(
        self, table: Table, condition: Condition | None
    ) -> None:
        table.write(Put(EXPIRED))

        table.write(
            Update(
                KEY,
                set={"s": 1},
                remove=("x",),
                add={"n": 1},
                append={"l": ["new"]},
                condition=condition,
            )
        )

        assert table.get(KEY) == {**ITEM, "s": 1, "n": 1, "l": ["new"]}

    def test_an_update_of_an_expired_item_in_a_transaction_starts_from_nothing(
        self, table: Table
    ) -> None:
        table.write(Put(EXPIRED), Put({**EXPIRED, "SK": "2"}), Put({"PK": "a", "SK": "3", "n": 1}))

        table.write(
            Update(KEY, add={"n": 1}),
            Update(("a", "2"), append={"l": ["new"]}, condition=ITEM_MISSING),
            Update(("a", "3"), add={"n": 1}),
        )

        assert table.query("a").items == [
            {**ITEM, "n": 1},
            {"PK": "a", "SK": "2", "l": ["new"]},
            {"PK": "a", "SK": "3", "n": 2},
        ]

    def test_a_transaction_that_fails_elsewhere_leaves_an_expired_item(self, table: Table) -> None:
        table.write(Put(EXPIRED))

        with pytest.raises(ConditionFailed) as failed:
            table.write(Update(KEY, add={"n": 1}), Check(("b", "1"), ITEM_EXISTS))

        assert failed.value.failures == {1: None}
        assert table.get(KEY) is None

    def test_a_bulk_update_of_an_expired_item_starts_from_nothing(self, table: Table) -> None:
        table.write(Put(EXPIRED))

        table.bulk([Update(KEY, add={"n": 1}), Update(("a", "2"), add={"n": 1})])

        assert table.query("a").items == [{**ITEM, "n": 1}, {"PK": "a", "SK": "2", "n": 1}]

    def test_an_expired_item_can_be_replaced_and_deleted(self, table: Table) -> None:
        table.write(Put(EXPIRED), Put({**EXPIRED, "SK": "2"}))

        table.write(Put({**ITEM, "x": 2}))
        table.write(Delete(("a", "2")))

        assert table.query("a").items == [{**ITEM, "x": 2}]

    def test_an_item_stays_when_its_ttl_is_moved_or_removed(self, table: Table) -> None:
        table.write(Put({**ITEM, "ttl": FUTURE}), Put({"PK": "a", "SK": "2", "ttl": FUTURE}))

        table.write(Update(KEY, remove=("ttl",), condition=ITEM_EXISTS))
        table.write(Update(("a", "2"), set={"ttl": FUTURE + 1}, condition=ITEM_EXISTS))

        assert table.query("a").items == [ITEM, {"PK": "a", "SK": "2", "ttl": FUTURE + 1}]

    @pytest.mark.parametrize(("ttl", "there"), [(2**70, True), (-(2**70), False)])
    def test_a_time_beyond_64_bits_is_far_off_or_long_past(
        self, table: Table, ttl: int, there: bool
    ) -> None:
        table.write(Put({**ITEM, "ttl": ttl}))

        assert table.get(KEY) == ({**ITEM, "ttl": ttl} if there else None)
        assert sort_keys(table.query("a").items) == (["1"] if there else [])

    def test_an_update_can_let_an_item_expire(self, table: Table) -> None:
        table.write(Put(ITEM))

        table.write(Update(KEY, set={"ttl": PAST}))

        assert table.get(KEY) is None
