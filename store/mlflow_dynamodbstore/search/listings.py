"""Several listings of GSI1 read as one, in order of time, in as few requests as possible."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import dropwhile
from operator import itemgetter
from typing import Any, ClassVar, Final

from dynamodbstore_events.keys import GSI1, newest_first, parse_newest_first
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.joins import Having, JoiningTable
from dynamodbstore_table.port import Item, Page, SortRange, Start, Table

from mlflow_dynamodbstore.search.clause import Field, Row
from mlflow_dynamodbstore.search.order import Cursor, Order, RowOrder, groups_sorted

_TIME_DIGITS = 20
_LAST = "\U0010ffff"
_LARGEST_TIME = 2**63 - 1
_LONGEST_PAGE = 1000
_sort_key: Callable[[Item], str] = itemgetter("gsi1sk")


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing: its partition in GSI1, and the condition on its items (None: all of them).

    ``having`` is what a joining table, and no other, filters by besides.
    """

    pk: str
    filter: Condition | None = None
    having: tuple[Having, ...] = ()

    def __str__(self) -> str:
        return self.pk if self.filter is None else f"{self.pk} where {self.filter}"


@dataclass(frozen=True, slots=True)
class TimeOrder(RowOrder):
    """The order of a listing's entries: by time (ms), then by id.

    Listings are kept with the newest first and ids ascending, so this and its exact reverse are
    read as they are; the other two orders turn around each group of entries of one time.
    """

    newest_first: bool = True
    ids_ascending: bool = True

    types: ClassVar[tuple[type, ...]] = (int, str)

    @property
    def ascending(self) -> Sequence[bool]:
        return not self.newest_first, self.ids_ascending

    @property
    def keys(self) -> Sequence[Callable[[Row], Any]]:
        return (
            lambda row: parse_newest_first(row["gsi1sk"])[0],
            lambda row: parse_newest_first(row["gsi1sk"])[1],
        )

    @property
    def as_kept(self) -> bool:
        """Whether the table gives this order, forward or in reverse."""
        return self.newest_first == self.ids_ascending

    def __str__(self) -> str:
        time = "newest first" if self.newest_first else "oldest first"
        return f"{time}, then id {'ascending' if self.ids_ascending else 'descending'}"


def time_order(orders: Sequence[Order], time: Field, entity_id: Field) -> TimeOrder | None:
    """The order of listings that is the same as ``orders``; None: collect and sort.

    Entities of one time are ordered by their ids, ascending unless the order is otherwise;
    whatever comes after an id decides nothing.
    """
    fields = [order.on for order in orders]
    if not fields:
        return TimeOrder()
    if fields == [time]:
        return TimeOrder(newest_first=not orders[0].ascending)
    if fields[:2] == [time, entity_id]:
        return TimeOrder(not orders[0].ascending, ids_ascending=orders[1].ascending)
    return None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The entries from ``earliest`` to ``latest`` (ms, both included)."""

    earliest: int = -_LARGEST_TIME
    latest: int = _LARGEST_TIME

    @property
    def is_empty(self) -> bool:
        return self.earliest > self.latest


EVER: Final = TimeRange()


def sort_range(order: TimeOrder, times: TimeRange, cursor: Cursor | None) -> SortRange | None:
    """The sort keys to read for what comes after ``cursor``; None if there can be none.

    Where groups of one time are turned around, the cursor's whole group is in the range.
    """
    time_ms, entity_id = (0, "") if cursor is None else (int(cursor[0]), str(cursor[1]))
    low = None if times.latest >= _LARGEST_TIME else newest_first(times.latest, "")
    high = None if times.earliest <= -_LARGEST_TIME else newest_first(times.earliest, "") + _LAST
    if cursor is not None:
        at, group = newest_first(time_ms, entity_id), newest_first(time_ms, "")
        if order.newest_first:
            reached = at + "\0" if order.as_kept else group
            low = reached if low is None else max(low, reached)
        else:
            reached = at if order.as_kept else group + _LAST
            high = reached if high is None else min(high, reached)
    if times.is_empty or (low is not None and high is not None and low > high):
        return None
    return SortRange(low, high)


def entries(
    table: Table,
    listings: Sequence[Listing],
    order: TimeOrder,
    times: TimeRange,
    cursor: Cursor | None,
    *,
    page_size: int,
    attributes: Sequence[str] | None = None,
) -> Iterator[Item]:
    """The entries of all the listings in one order, those after ``cursor``.

    Pages are read as they are needed, the first ones of several listings at once where requests
    cross a network. Who reads on past the first page probably looks for something rare, so each
    next page is twice as long. ``attributes`` must name ``gsi1sk``.
    """
    keys = sort_range(order, times, cursor)
    if keys is None or not listings:
        return iter(())
    merged = merged_listings(
        table,
        listings,
        keys,
        reverse=not order.newest_first,
        page_size=page_size,
        attributes=attributes,
    )
    if not order.as_kept:
        merged = groups_sorted(merged, lambda item: item["gsi1sk"][:_TIME_DIGITS], order)
    if cursor is None:
        return merged
    return dropwhile(lambda item: not order.is_behind(order.place(item), cursor), merged)


def merged_listings(
    table: Table,
    listings: Sequence[Listing],
    keys: SortRange,
    *,
    reverse: bool,
    page_size: int,
    attributes: Sequence[str] | None = None,
) -> Iterator[Item]:
    """The entries of all the listings whose sort keys are in a range, in the order of these.

    Pages are read as ``entries`` does.
    """

    def read(listing: Listing, start: Start | None = None, size: int = page_size) -> Page:
        if listing.having:
            assert isinstance(table, JoiningTable), "the plan was made for another table"
            return table.query_having(
                listing.pk,
                listing.having,
                sk=keys,
                filter=listing.filter,
                reverse=reverse,
                limit=size,
                start=start,
                attributes=attributes,
            )
        return table.query(
            listing.pk,
            index=GSI1,
            sk=keys,
            filter=listing.filter,
            reverse=reverse,
            limit=size,
            start=start,
            attributes=attributes,
        )

    def stream(listing: Listing, page: Page | None) -> Iterator[Item]:
        page = page or read(listing)
        size = page_size
        yield from page.items
        while page.next is not None:
            size = min(2 * size, max(size, _LONGEST_PAGE))
            page = read(listing, page.next, size)
            yield from page.items

    first_pages: list[Page | None] = [None] * len(listings)
    if table.remote and len(listings) > 1:
        first_pages = [*table.at_once([partial(read, listing) for listing in listings])]
    streams = [stream(*given) for given in zip(listings, first_pages, strict=True)]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=_sort_key, reverse=reverse)
