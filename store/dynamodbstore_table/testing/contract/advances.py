"""Contract: updates that are alike, given as columns, are the updates that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from dynamodbstore_events.change import ChangeEvent

from dynamodbstore_table.errors import ConditionFailed, InvalidOps
from dynamodbstore_table.port import Advances, Item, Put, Table
from dynamodbstore_table.testing.contract.base import Contract, NewTable, keys


def advances(sks: Sequence[str], marks: Sequence[bytes], values: Sequence[str]) -> Advances:
    """To ``top``, with the value behind ``list``, which has room for three."""
    return Advances("a", sks, "top", marks, "list", values, 3, "old", "once", [7] * len(sks))


def row(sk: str, top: bytes, *values: str, **more: object) -> Item:
    return {"PK": "a", "SK": sk, "top": top, "list": list(values), "once": 7, **more}


class AdvanceContract(Contract):
    def test_items_that_are_missing_are_made(self, table: Table) -> None:
        table.bulk(advances(["2", "1"], [b"\2", b"\1"], ["y", "x"]))

        assert table.query("a").items == [row("1", b"\1", "x"), row("2", b"\2", "y")]

    def test_items_that_are_there_move_on_and_keep_the_rest(self, table: Table) -> None:
        table.bulk(
            [
                Put(row("0", b"\1", "x", old=True, kept=1)),
                Put(row("1", b"\1", "x", old=True, kept=[1, b"\0"])),
                Put(row("2", b"\1")),
                Put({"PK": "a", "SK": "3", "kept": 7, "gsi1pk": "g", "gsi1sk": "1"}),
            ]
        )

        table.bulk(advances(["0", "1", "2", "3"], [b"\2"] * 4, ["y"] * 4))

        assert table.query("a").items == [
            row("0", b"\2", "x", "y", kept=1),
            row("1", b"\2", "x", "y", kept=[1, b"\0"]),
            row("2", b"\2", "y"),
            row("3", b"\2", "y", kept=7, gsi1pk="g", gsi1sk="1"),
        ]
        assert keys(table.query("g", index="GSI1").items) == [("a", "3")]

    def test_what_is_set_once_stays_and_is_set_where_it_is_missing(self, table: Table) -> None:
        lacking = {name: v for name, v in row("2", b"\1", "x").items() if name != "once"}
        table.bulk([Put(row("1", b"\1", "x", once=1)), Put(lacking)])

        table.bulk(advances(["1", "2", "3"], [b"\2"] * 3, ["y"] * 3))

        assert table.query("a").items == [
            row("1", b"\2", "x", "y", once=1),
            row("2", b"\2", "x", "y"),
            row("3", b"\2", "y"),
        ]

    def test_an_advance_that_fails_is_reported_when_all_else_is_done(self, table: Table) -> None:
        before = [
            row("as high", b"\2"),
            row("full", b"\1", "x", "y", "z"),
            row("higher", b"\3", "x", old=True),
        ]
        table.bulk(map(Put, before))
        sks = ["higher", "new", "full", "as high"]

        with pytest.raises(ConditionFailed) as failed:
            table.bulk(advances(sks, [b"\2"] * 4, ["v"] * 4))

        assert failed.value.failures == {0: before[2], 2: before[1], 3: before[0]}
        assert table.query("a").items == [*before, row("new", b"\2", "v")]

    def test_a_write_does_all_of_them(self, table: Table) -> None:
        table.write(Put(row("1", b"\1", "x", old=True)))

        events = table.write(advances(["1", "2"], [b"\2"] * 2, ["y"] * 2))

        assert table.query("a").items == [row("1", b"\2", "x", "y"), row("2", b"\2", "y")]
        assert sorted(event.sk for event in events) == ["1", "2"]

    def test_a_write_of_which_one_may_not_move_on_does_none(self, table: Table) -> None:
        before = [row("1", b"\1", "x"), row("2", b"\2")]
        table.bulk(map(Put, before))

        with pytest.raises(ConditionFailed) as failed:
            table.write(advances(["1", "new", "2"], [b"\2"] * 3, ["v"] * 3))

        assert failed.value.failures == {2: before[1]}
        assert table.query("a").items == before

    @pytest.mark.parametrize("count", [0, 101])
    def test_a_write_takes_one_to_a_hundred(self, table: Table, count: int) -> None:
        sks = [f"{n:05}" for n in range(count)]

        with pytest.raises(InvalidOps, match="1 to 100"):
            table.write(advances(sks, [b"\1"] * count, sks))

        assert table.query("a").items == []

    def test_an_expired_item_is_made_anew(self, table: Table) -> None:
        table.write(Put(row("1", b"\3", "x", ttl=1)))

        table.bulk(advances(["1"], [b"\2"], ["y"]))

        assert table.get(("a", "1")) == row("1", b"\2", "y")

    def test_more_items_than_fit_a_request(self, table: Table) -> None:
        sks = [f"{n:05}" for n in range(450)]
        table.bulk(advances(sks[:300], [b"\1"] * 300, sks[:300]))

        events = table.bulk(advances(sks, [b"\2"] * 450, sks))

        assert table.query("a").items == [
            *(row(sk, b"\2", sk, sk) for sk in sks[:300]),
            *(row(sk, b"\2", sk) for sk in sks[300:]),
        ]
        assert {(e.pk, e.sk, e.removed) for e in events} == {("a", sk, False) for sk in sks}

    def test_an_observer_is_handed_them(self, new_table: NewTable) -> None:
        seen: list[ChangeEvent] = []
        table = new_table(lambda _, events: seen.extend(events))

        table.bulk(advances(["1", "2"], [b"\1"] * 2, ["x", "y"]))

        assert sorted(event.sk for event in seen) == ["1", "2"]

    def test_an_observer_is_handed_once_what_was_done_and_not_the_rest(
        self, new_table: NewTable
    ) -> None:
        seen: list[ChangeEvent] = []
        table = new_table(lambda _, events: seen.extend(events))
        table.bulk([Put(row("1", b"\2")), Put({"PK": "a", "SK": "2", "kept": 7})])
        seen.clear()

        with pytest.raises(ConditionFailed):
            table.bulk(advances(["1", "2", "3"], [b"\2"] * 3, ["v"] * 3))

        assert sorted(event.sk for event in seen) == ["2", "3"]

    @pytest.mark.parametrize("pk", ["", "p" * 2049, "\ud800"], ids=["empty", "long", "surrogate"])
    def test_a_wrong_partition_is_refused(self, table: Table, pk: str) -> None:
        ops = replace(advances(["1", "2"], [b"\1", b"\1"], ["x", "y"]), pk=pk)

        for do in (table.write, table.bulk):
            with pytest.raises(InvalidOps, match="PK"):
                do(ops)

        assert table.scan().items == []

    @pytest.mark.parametrize("sks", [["1", ""], ["1", "x" * 1025], ["1", "\ud800"], ["1", "1"]])
    def test_wrong_keys_are_refused_before_anything_is_written(
        self, table: Table, sks: list[str]
    ) -> None:
        for do in (table.write, table.bulk):
            with pytest.raises(InvalidOps):
                do(advances(sks, [b"\1", b"\1"], ["x", "y"]))

        assert table.query("a").items == []

    def test_columns_of_different_lengths_are_refused(self, table: Table) -> None:
        whole = advances(["1", "2"], [b"\1", b"\1"], ["x", "y"])

        for part in (
            replace(whole, sks=["1"]),
            replace(whole, marks=[b"\1"]),
            replace(whole, values=["x", "y", "z"]),
            replace(whole, defaults=[7]),
        ):
            with pytest.raises(InvalidOps, match="items can't get"):
                table.bulk(part)

        assert table.query("a").items == []

    @pytest.mark.parametrize(
        "names",
        [
            {"mark": "SK"},
            {"values_in": "PK"},
            {"drop": "SK"},
            {"drop": "top"},
            {"values_in": "top"},
            {"mark": "ttl"},
            {"values_in": "gsi1pk"},
        ],
        ids=str,
    )
    def test_names_that_no_update_could_change_are_refused(
        self, table: Table, names: dict[str, str]
    ) -> None:
        ops = replace(advances(["1", "2"], [b"\1", b"\1"], ["x", "y"]), **names)  # type: ignore[arg-type]

        for do in (table.write, table.bulk):
            with pytest.raises(InvalidOps):
                do(ops)

        assert table.query("a").items == []
