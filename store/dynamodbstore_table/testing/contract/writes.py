"""Contract: single writes, transactions, updates, and what comes back of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from dynamodbstore_events.change import ChangeEvent

from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, Exists, equals
from dynamodbstore_table.errors import ConditionFailed, InvalidOps
from dynamodbstore_table.port import Check, Delete, Put, Table, Update
from dynamodbstore_table.testing.contract.base import Contract, NewTable

KEY = ("a", "1")
ITEM = {"PK": "a", "SK": "1"}


class WriteContract(Contract):
    def test_a_put_replaces_the_whole_item(self, table: Table) -> None:
        table.write(Put({**ITEM, "x": 1}))

        table.write(Put({**ITEM, "y": 2}))

        assert table.get(KEY) == {**ITEM, "y": 2}

    def test_a_deleted_item_has_gone(self, table: Table) -> None:
        table.write(Put(ITEM))

        table.write(Delete(KEY))

        assert table.get(KEY) is None

    def test_deleting_what_is_not_there_is_no_error(self, table: Table) -> None:
        table.write(Delete(KEY))

        assert table.get(KEY) is None

    def test_a_condition_that_fails_returns_the_item_it_met(self, table: Table) -> None:
        table.write(Put({**ITEM, "x": 1}))

        with pytest.raises(ConditionFailed) as failed:
            table.write(Put({**ITEM, "x": 2}, ITEM_MISSING))

        assert failed.value.failures == {0: {**ITEM, "x": 1}}
        assert table.get(KEY) == {**ITEM, "x": 1}

    def test_the_same_item_put_again_meets_itself(self, table: Table) -> None:
        table.write(Put(ITEM, ITEM_MISSING))

        with pytest.raises(ConditionFailed) as failed:
            table.write(Put(ITEM, ITEM_MISSING))

        assert failed.value.item == ITEM

    @pytest.mark.parametrize(
        "op",
        [
            Put(ITEM, ITEM_EXISTS),
            Update(KEY, set={"x": 1}, condition=ITEM_EXISTS),
            Delete(KEY, ITEM_EXISTS),
            Check(KEY, ITEM_EXISTS),
        ],
        ids=lambda op: type(op).__name__,
    )
    def test_a_condition_that_fails_on_no_item_returns_no_item(
        self, table: Table, op: Put | Update | Delete | Check
    ) -> None:
        with pytest.raises(ConditionFailed) as failed:
            table.write(op)

        assert failed.value.failures == {0: None}
        assert failed.value.item is None
        assert table.get(KEY) is None

    def test_a_check_that_holds_writes_nothing(self, table: Table) -> None:
        assert table.write(Check(KEY, ITEM_MISSING)) == []
        assert table.get(KEY) is None


class UpdateContract(Contract):
    def test_an_update_of_a_missing_item_starts_from_nothing(self, table: Table) -> None:
        table.write(
            Update(
                KEY,
                set={"s": "x", "m": {"k": [1]}},
                remove=("r",),
                add={"n": -3},
                append={"l": [1]},
                default={"d": [b"d"]},
            )
        )

        made = {"s": "x", "m": {"k": [1]}, "n": -3, "l": [1], "d": [b"d"]}
        assert table.get(KEY) == {**ITEM, **made}

    def test_a_default_stays_out_of_what_is_there(self, table: Table) -> None:
        table.write(Put({**ITEM, "there": None, "s": 1}))

        for value in (1, 2):
            table.write(Update(KEY, set={"s": value}, default={"there": value, "new": value}))

        assert table.get(KEY) == {**ITEM, "there": None, "s": 2, "new": 1}

    def test_an_update_changes_only_what_it_names(self, table: Table) -> None:
        table.write(Put({**ITEM, "keep": b"k", "s": 1, "r": 1, "n": 40, "l": ["a"], "m": {"a": 1}}))

        table.write(
            Update(
                KEY,
                set={"s": "text now", "m": {"b": 2}, "new": None},
                remove=("r", "never there"),
                add={"n": 2, "n2": 5},
                append={"l": ["b", ["c"]], "l2": []},
            )
        )

        assert table.get(KEY) == {
            **ITEM,
            "keep": b"k",
            "s": "text now",
            "m": {"b": 2},
            "new": None,
            "n": 42,
            "n2": 5,
            "l": ["a", "b", ["c"]],
            "l2": [],
        }

    def test_numbers_add_up_beyond_64_bits(self, table: Table) -> None:
        table.write(Put({**ITEM, "n": 2**63}))

        table.write(Update(KEY, add={"n": 2**63 + 1}))

        assert table.get(KEY) == {**ITEM, "n": 2**64 + 1}

    def test_an_update_names_attributes_of_any_name(self, table: Table) -> None:
        table.write(Put({**ITEM, "tag.b": 1}))

        table.write(
            Update(
                KEY,
                set={"tag.a": 1, "size": 2},
                remove=("tag.b",),
                add={"#n": 1},
                append={"a list": [0]},
            )
        )

        assert table.get(KEY) == {**ITEM, "tag.a": 1, "size": 2, "#n": 1, "a list": [0]}

    def test_an_update_sets_a_hundred_attributes(self, table: Table) -> None:
        values = {f"attribute {n}": n for n in range(100)}

        table.write(Update(KEY, set=values, condition=ITEM_MISSING))

        assert table.get(KEY) == {**ITEM, **values}

    @pytest.mark.parametrize("found", ["text", None, True, [1], b"1"], ids=repr)
    def test_adding_to_what_is_no_number_is_refused(self, table: Table, found: object) -> None:
        table.write(Put({**ITEM, "x": found}))

        with pytest.raises(InvalidOps):
            table.write(Update(KEY, set={"y": 1}, add={"x": 1}))

        assert table.get(KEY) == {**ITEM, "x": found}

    @pytest.mark.parametrize("found", ["text", None, 1, {"a": 1}], ids=repr)
    def test_appending_to_what_is_no_list_is_refused(self, table: Table, found: object) -> None:
        table.write(Put({**ITEM, "x": found}))

        with pytest.raises(InvalidOps):
            table.write(Update(KEY, set={"y": 1}, append={"x": [1]}))

        assert table.get(KEY) == {**ITEM, "x": found}


class TransactionContract(Contract):
    def test_a_transaction_does_all_of_its_ops(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "gone"}), Put({"PK": "a", "SK": "seen", "x": 1}))

        table.write(
            Put({"PK": "b", "SK": "put", "gsi1pk": "list", "gsi1sk": "1"}, ITEM_MISSING),
            Update(("b", "updated"), add={"n": 1}),
            Delete(("a", "gone"), ITEM_EXISTS),
            Check(("a", "seen"), equals("x", 1)),
        )

        assert table.partitions(["a", "b"]) == {
            "a": [{"PK": "a", "SK": "seen", "x": 1}],
            "b": [
                {"PK": "b", "SK": "put", "gsi1pk": "list", "gsi1sk": "1"},
                {"PK": "b", "SK": "updated", "n": 1},
            ],
        }

    def test_a_transaction_that_fails_does_nothing_and_reports_where(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "there", "x": 1}))

        with pytest.raises(ConditionFailed) as failed:
            table.write(
                Put({"PK": "b", "SK": "new"}),
                Put({"PK": "a", "SK": "there"}, ITEM_MISSING),
                Update(("b", "counter"), add={"n": 1}),
                Check(("b", "absent"), ITEM_EXISTS),
                Delete(("a", "there too")),
                Update(("b", "absent too"), set={"x": 1}, condition=Exists("x")),
            )

        assert failed.value.failures == {
            1: {"PK": "a", "SK": "there", "x": 1},
            3: None,
            5: None,
        }
        assert failed.value.item == {"PK": "a", "SK": "there", "x": 1}
        assert table.query("b").items == []
        assert table.get(("a", "there")) == {"PK": "a", "SK": "there", "x": 1}

    def test_a_transaction_with_an_op_that_is_refused_does_nothing(self, table: Table) -> None:
        table.write(Put({**ITEM, "x": "text"}))

        with pytest.raises(InvalidOps):
            table.write(Put({"PK": "b", "SK": "1"}), Update(KEY, add={"x": 1}))

        assert table.query("b").items == []


class EventContract(Contract):
    def test_a_single_write_returns_its_key_and_the_old_item(self, table: Table) -> None:
        table.write(Put({**ITEM, "x": 1}))

        put = table.write(Put({**ITEM, "x": 2}))
        update = table.write(Update(KEY, add={"x": 1}))
        delete = table.write(Delete(KEY))

        assert put == [ChangeEvent("a", "1", {**ITEM, "x": 1})]
        assert update == [ChangeEvent("a", "1", {**ITEM, "x": 2})]
        assert delete == [ChangeEvent("a", "1", {**ITEM, "x": 3}, removed=True)]

    def test_a_transaction_returns_every_key_that_it_wrote(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "gone"}))

        events = table.write(
            Put({"PK": "b", "SK": "1"}),
            Check(("c", "1"), ITEM_MISSING),
            Delete(("a", "gone")),
            Update(("b", "2"), set={"x": 1}),
        )

        assert [(e.pk, e.sk, e.removed, e.expired) for e in events] == [
            ("b", "1", False, False),
            ("a", "gone", True, False),
            ("b", "2", False, False),
        ]

    def test_the_observer_is_handed_what_was_written(self, new_table: NewTable) -> None:
        seen: list[ChangeEvent] = []
        table = new_table(lambda _, events: seen.extend(events))

        written = [
            *table.write(Put(ITEM)),
            *table.write(Update(KEY, set={"x": 1}), Put({"PK": "b", "SK": "1"})),
            *table.bulk([Put({"PK": "c", "SK": "1"}), Delete(("b", "1"))]),
        ]

        assert seen == written
        assert {(e.pk, e.sk) for e in seen} == {("a", "1"), ("b", "1"), ("c", "1")}

    def test_the_observer_sees_the_table_after_the_write(self, new_table: NewTable) -> None:
        found: list[object] = []
        table = new_table(lambda observed, events: found.append(observed.get(KEY)))

        table.write(Put({**ITEM, "x": 1}))

        assert found == [{**ITEM, "x": 1}]

    def test_the_observer_is_not_called_for_its_own_writes(self, new_table: NewTable) -> None:
        calls: list[list[str]] = []

        def count(observed: Table, events: Sequence[ChangeEvent]) -> None:
            calls.append([event.pk for event in events])
            observed.write(Update(("count", "1"), add={"n": len(events)}))
            observed.bulk([Put({"PK": "note", "SK": "1"})])

        table = new_table(count)

        table.write(Put(ITEM))
        table.bulk([Put({"PK": "b", "SK": "1"}), Put({"PK": "b", "SK": "2"})])

        assert calls == [["a"], ["b", "b"]]
        assert table.get(("count", "1")) == {"PK": "count", "SK": "1", "n": 3}
        assert table.get(("note", "1")) is not None

    def test_a_write_that_fails_is_not_observed(self, new_table: NewTable) -> None:
        seen: list[ChangeEvent] = []
        table = new_table(lambda _, events: seen.extend(events))

        with pytest.raises(ConditionFailed):
            table.write(Put(ITEM, ITEM_EXISTS))
        with pytest.raises(ConditionFailed):
            table.write(Put({"PK": "b", "SK": "1"}), Put(ITEM, ITEM_EXISTS))

        assert seen == []
