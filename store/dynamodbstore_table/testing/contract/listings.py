"""Contract: which items a listing has, in which order: partitions, ranges, indexes, scans."""

from __future__ import annotations

import pytest

from dynamodbstore_table.conditions import (
    BeginsWith,
    Both,
    Compare,
    Either,
    Exists,
    Missing,
    Not,
    OneOf,
)
from dynamodbstore_table.port import (
    Delete,
    Item,
    Put,
    SortRange,
    Table,
    Update,
    after,
    begins_with,
)
from dynamodbstore_table.testing.contract.base import Contract, NewTable, keys, numbered, sort_keys

# Ordered by code point, which UTF-8 keeps and UTF-16 does not.
IN_ORDER = ["\x01", " ", "0", "00", "A", "Z", "a", "a\0", "a#b", "ab", "é", "損", "\uffff", "🚀"]


class ListingContract(Contract):
    @pytest.fixture(scope="class")
    def words(self, new_table: NewTable) -> Table:
        """A table with one partition of sort keys in ``IN_ORDER``."""
        table = new_table()
        table.bulk(Put({"PK": "words", "SK": text}) for text in reversed(IN_ORDER))
        table.write(Put({"PK": "word", "SK": "a"}), Put({"PK": "words#", "SK": "a"}))
        return table

    def test_a_partition_is_listed_in_code_point_order(self, words: Table) -> None:
        assert sort_keys(words.query("words").items) == IN_ORDER

    def test_a_listing_can_be_reversed(self, words: Table) -> None:
        assert sort_keys(words.query("words", reverse=True).items) == IN_ORDER[::-1]

    @pytest.mark.parametrize(
        "sort_range",
        [
            begins_with("a"),
            begins_with("a#"),
            begins_with("🚀"),
            begins_with(""),
            begins_with("nothing"),
            after("a"),
            after("Z"),
            after("0", high="a"),
            after("🚀"),
            SortRange("A", "a"),
            SortRange("a", "a"),
            SortRange("z", "a"),
            SortRange(low="ab"),
            SortRange(high="Z"),
            SortRange("", "Z"),
            SortRange("", ""),
            SortRange("é", "\uffff"),
        ],
        ids=repr,
    )
    def test_a_range_has_the_sort_keys_within_its_bounds(
        self, words: Table, sort_range: SortRange
    ) -> None:
        low, high = sort_range.low or "", sort_range.high
        expected = [text for text in IN_ORDER if low <= text and (high is None or text <= high)]

        assert sort_keys(words.query("words", sk=sort_range).items) == expected
        backwards = words.query("words", sk=sort_range, reverse=True).items
        assert sort_keys(backwards) == expected[::-1]
        assert sort_keys(words.partitions(["words"], sk=sort_range)["words"]) == expected

    def test_a_listing_returns_only_the_attributes_that_are_wanted(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1", "x": 1, "y": 2}), Put({"PK": "a", "SK": "2"}))

        assert table.query("a", attributes=["x"]).items == [{"x": 1}, {}]
        assert table.query("a", attributes=["x"], limit=1).items == [{"x": 1}]
        assert table.query("a", attributes=["SK"], filter=Exists("y")).items == [{"SK": "1"}]
        assert table.query("a", attributes=["SK", "y"], filter=Compare("SK", "<", "2")).items == [
            {"SK": "1", "y": 2}
        ]

    def test_a_filter_may_look_at_the_keys(self, table: Table) -> None:
        table.bulk(map(Put, numbered("a", 6)))

        first_or_late = Either((Compare("SK", "=", "00000"), Compare("SK", ">", "00003")))
        page = table.query("a", filter=Both((Exists("PK"), first_or_late)))

        assert sort_keys(page.items) == ["00000", "00004", "00005"]

    def test_a_filter_may_be_longer_than_an_expression(self, table: Table) -> None:
        table.bulk(map(Put, numbered("a", 9)))
        names = [f"an attribute with a long name, number {n}" for n in range(200)]

        page = table.query("a", filter=Either((*map(Exists, names), Compare("n", ">=", 7))))

        assert sort_keys(page.items) == ["00007", "00008"]

    def test_a_filter_takes_a_hundred_choices(self, table: Table) -> None:
        table.bulk(map(Put, numbered("a", 120)))

        page = table.query("a", filter=OneOf("n", tuple(range(10, 110))))

        assert sort_keys(page.items) == [f"{n:05}" for n in range(10, 110)]

    def test_many_partitions_are_read_whole(self, table: Table) -> None:
        items = {pk: numbered(pk, 12, blob="x" * 100_000) for pk in ("a", "b")}
        table.bulk(Put(item) for of_one in items.values() for item in of_one)
        table.write(Put({"PK": "c", "SK": "1"}))

        found = table.partitions(["c", "a", "missing", "b", "a"])

        assert found == {**items, "c": [{"PK": "c", "SK": "1"}], "missing": []}

    def test_partitions_return_only_the_attributes_that_are_wanted(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1", "x": 1}), Put({"PK": "b", "SK": "1", "x": 2}))

        assert table.partitions(["a", "b"], attributes=["x"]) == {"a": [{"x": 1}], "b": [{"x": 2}]}

    def test_no_partitions_are_no_request(self, table: Table) -> None:
        assert table.partitions([]) == {}


class IndexContract(Contract):
    def test_an_index_lists_whole_items_in_its_own_order(self, table: Table) -> None:
        items = [_listed(n, f"{9 - n}") for n in range(10)]
        table.bulk(map(Put, items))
        table.write(Put({"PK": "not listed", "SK": "META"}))

        assert table.query("list", index="GSI1").items == items[::-1]
        assert table.query("list", index="GSI1", reverse=True).items == items
        some = table.query("list", index="GSI1", sk=SortRange("3", "5"), attributes=["PK"])
        assert some.items == [{"PK": "RUN#6"}, {"PK": "RUN#5"}, {"PK": "RUN#4"}]

    def test_an_index_can_be_filtered(self, table: Table) -> None:
        table.bulk(Put(_listed(n, f"{n}")) for n in range(10))

        page = table.query("list", index="GSI1", filter=Not(BeginsWith("PK", "RUN#3")), limit=4)

        assert [item["n"] for item in page.items] == [0, 1, 2, 4]

    def test_an_index_can_be_filtered_by_its_own_keys(self, table: Table) -> None:
        table.bulk(Put(_listed(n, f"{n}")) for n in range(4))

        page = table.query("list", index="GSI1", filter=Compare("gsi1sk", "!=", "1"))

        assert [item["n"] for item in page.items] == [0, 2, 3]

    @pytest.mark.parametrize("reverse", [False, True])
    def test_ties_of_an_index_are_paged_through_without_loss(
        self, table: Table, reverse: bool
    ) -> None:
        items = [_listed(n, f"{n // 20}") for n in range(60)]
        table.bulk(map(Put, items))

        found = list(table.query_all("list", index="GSI1", page_size=7, reverse=reverse))

        assert sorted(keys(found)) == sorted(keys(items))
        times = [item["gsi1sk"] for item in found]
        assert times == sorted(times, reverse=reverse)

    def test_the_lookup_index_holds_keys_only(self, table: Table) -> None:
        lookup = {"gsi2pk": "DELETED#RUNS", "gsi2sk": "5"}
        table.write(
            Put({"PK": "a", "SK": "1", "x": 1, "ttl": 2**40, **lookup}), Put({"PK": "b", "SK": "1"})
        )

        assert table.query("DELETED#RUNS", index="GSI2").items == [{"PK": "a", "SK": "1", **lookup}]
        some = table.query("DELETED#RUNS", index="GSI2", attributes=["PK", "x"])
        assert some.items == [{"PK": "a"}]

    def test_the_lookup_index_is_paged(self, table: Table) -> None:
        items = [{**item, "gsi2pk": "list", "gsi2sk": item["SK"]} for item in numbered("a", 10)]
        table.bulk(map(Put, items))

        found = table.query_all("list", index="GSI2", page_size=3)

        assert sort_keys(found) == sort_keys(items)

    def test_an_index_follows_updates(self, table: Table) -> None:
        table.bulk(Put(_listed(n, f"{n}")) for n in range(4))

        table.write(Update(("RUN#0", "META"), remove=("gsi1pk", "gsi1sk")))
        table.write(Update(("RUN#1", "META"), set={"gsi1sk": "9"}))
        table.write(Delete(("RUN#2", "META")))
        table.write(Update(("RUN#3", "META"), set={"gsi1pk": "elsewhere"}))

        assert [item["n"] for item in table.query("list", index="GSI1").items] == [1]
        assert [item["n"] for item in table.query("elsewhere", index="GSI1").items] == [3]

    def test_an_item_with_half_an_index_key_is_not_listed(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1", "gsi1pk": "list"}))

        assert table.query("list", index="GSI1").items == []
        assert table.query("a", filter=Missing("gsi1sk")).items != []


class ScanContract(Contract):
    def test_a_scan_reads_every_item_once(self, table: Table) -> None:
        items = [item for n in range(5) for item in numbered(f"p{n}", 8, blob=b"x" * 50_000)]
        table.bulk(map(Put, items))

        found = _scan(table, 0, 1)

        assert sorted(keys(found)) == sorted(keys(items))

    def test_segments_are_disjoint_and_complete(self, table: Table) -> None:
        items = [{"PK": f"p{n}", "SK": "1"} for n in range(200)]
        table.bulk(map(Put, items))

        parts = [_scan(table, segment, 4) for segment in range(4)]

        assert sorted(keys(item for part in parts for item in part)) == sorted(keys(items))

    def test_a_scan_of_an_empty_table_ends(self, table: Table) -> None:
        assert _scan(table, 0, 1) == []


def _scan(table: Table, segment: int, segments: int) -> list[Item]:
    page = table.scan(segment, segments)
    items = list(page.items)
    while page.next is not None:
        page = table.scan(segment, segments, page.next)
        items += page.items
    return items


def _listed(n: int, sort_key: str) -> Item:
    return {"PK": f"RUN#{n}", "SK": "META", "n": n, "gsi1pk": "list", "gsi1sk": sort_key}
