"""Contract: pages, forward and back, with a limit, with a filter, of one megabyte."""

from __future__ import annotations

import pytest

from dynamodbstore_table.conditions import Compare, Condition, Exists, OneOf
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import EVERY, Item, Put, SortRange, Start, Table
from dynamodbstore_table.testing.contract.base import Contract, NewTable, numbered, sort_keys


class PageContract(Contract):
    many = 10_000

    @pytest.fixture(scope="class")
    def long_listing(self, new_table: NewTable) -> Table:
        """A table with ``many`` items in one partition, every tenth with a mark."""
        table = new_table()
        table.bulk(
            Put({**item, "mark": True} if item["n"] % 10 == 0 else item)
            for item in numbered("long", self.many)
        )
        return table

    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_long_listing_is_paged_in_order(self, long_listing: Table, reverse: bool) -> None:
        found = _pages(long_listing, 700, reverse=reverse)

        numbers = [item["n"] for page in found for item in page]
        assert numbers == sorted(range(self.many), reverse=reverse)
        assert {len(page) for page in found[:-1]} == {700}

    def test_a_page_ends_with_its_limit(self, long_listing: Table) -> None:
        page = long_listing.query("long", limit=25)

        assert sort_keys(page.items) == [f"{n:05}" for n in range(25)]
        assert page.next is not None

    def test_the_next_page_starts_behind_the_last_item_read(self, long_listing: Table) -> None:
        first = long_listing.query("long", limit=3, sk=SortRange(low="00100"))
        second = long_listing.query("long", limit=3, sk=SortRange(low="00100"), start=first.next)
        back = long_listing.query(
            "long", limit=2, start={"PK": "long", "SK": "00103"}, reverse=True
        )

        assert [item["n"] for item in first.items] == [100, 101, 102]
        assert [item["n"] for item in second.items] == [103, 104, 105]
        assert [item["n"] for item in back.items] == [102, 101]

    def test_a_listing_that_ends_within_the_limit_has_no_next_page(
        self, long_listing: Table
    ) -> None:
        page = long_listing.query("long", limit=50, sk=SortRange(low=f"{self.many - 20:05}"))

        assert len(page.items) == 20
        assert page.next is None

    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("limit", [7, 45, 1000])
    def test_the_limit_counts_what_a_filter_leaves(
        self, long_listing: Table, limit: int, reverse: bool
    ) -> None:
        in_reach = SortRange("00000", "00999")

        found = _pages(long_listing, limit, filter=Exists("mark"), reverse=reverse, sk=in_reach)

        numbers = [item["n"] for page in found for item in page]
        assert numbers == sorted(range(0, 1000, 10), reverse=reverse)
        full = 100 // limit
        assert [len(page) for page in found[:full]] == [limit] * full

    def test_a_filter_on_the_sort_key_leaves_full_pages(self, long_listing: Table) -> None:
        chosen = OneOf("SK", tuple(f"{n:05}" for n in range(0, 500, 50)))

        found = _pages(long_listing, 4, filter=chosen, sk=SortRange(high="00600"))

        assert [[item["n"] for item in page] for page in found if page] == [
            [0, 50, 100, 150],
            [200, 250, 300, 350],
            [400, 450],
        ]

    def test_a_filter_that_nothing_passes_ends(self, long_listing: Table) -> None:
        page = long_listing.query("long", limit=1, filter=Compare("n", "<", 0))

        assert page.items == []
        assert page.next is None

    def test_without_a_limit_a_page_ends_at_one_megabyte(self, table: Table) -> None:
        items = numbered("a", 30, blob=b"x" * 50_000)
        table.bulk(map(Put, items))

        page = table.query("a")

        assert 19 <= len(page.items) <= 21
        assert page.next is not None
        assert list(table.query_all("a")) == items
        assert list(table.query_all("a", reverse=True)) == items[::-1]

    def test_a_limit_is_kept_over_megabytes(self, table: Table) -> None:
        items = numbered("a", 60, blob=b"x" * 50_000)
        table.bulk(map(Put, items))

        page = table.query("a", limit=50)

        assert page.items == items[:50]

    def test_pages_with_few_attributes_go_on_where_they_ended(self, table: Table) -> None:
        table.bulk(map(Put, numbered("a", 10)))

        found = list(table.query_all("a", attributes=["n"], page_size=3))

        assert found == [{"n": n} for n in range(10)]

    def test_a_missing_partition_is_an_empty_page(self, table: Table) -> None:
        page = table.query("nothing", limit=10)

        assert page.items == []
        assert page.next is None

    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_limit_below_one_is_refused(self, table: Table, limit: int) -> None:
        with pytest.raises(InvalidOps):
            table.query("a", limit=limit)


def _pages(
    table: Table,
    limit: int,
    *,
    filter: Condition | None = None,
    reverse: bool = False,
    sk: SortRange = EVERY,
) -> list[list[Item]]:
    pages: list[list[Item]] = []
    start: Start | None = None
    while True:
        page = table.query("long", limit=limit, filter=filter, reverse=reverse, sk=sk, start=start)
        pages.append(page.items)
        if page.next is None:
            return pages
        start = page.next
