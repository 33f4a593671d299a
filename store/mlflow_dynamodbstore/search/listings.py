"""Several listings of GSI1 read as one, in order of time, in as few requests as possible."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import dropwhile, groupby
from operator import itemgetter

from dynamodbstore_events.keys import GSI1, newest_first, parse_newest_first
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.joins import Having, JoiningTable
from dynamodbstore_table.port import Item, Page, SortRange, Start, Table

Cursor = tuple[int, str]

_TIME_DIGITS = 20
_LAST = "\U0010ffff"
_LARGEST_TIME = 2**63 - 1
_AT_ONCE = 8
_LONGEST_PAGE = 1000
_sort_key: Callable[[Item], str] = itemgetter("gsi1sk")


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing: its partition in GSI1, and the condition on its items (None: all of them).

    ``having`` is what a joining table, and no other, may be asked for besides.
    """

    pk: str
    filter: Condition | None = None
    having: tuple[Having, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeOrder:
    """The order of a listing's entries: by time, then by id.

    Listings are kept with the newest first and ids ascending, so this and its exact reverse are
    read as they are; the other two orders turn around each group of entries of one time.
    """

    newest_first: bool = True
    ids_ascending: bool = True

    @property
    def as_kept(self) -> bool:
        """Whether the table gives this order, forward or in reverse."""
        return self.newest_first == self.ids_ascending

    def __str__(self) -> str:
        time = "newest first" if self.newest_first else "oldest first"
        return f"{time}, then id {'ascending' if self.ids_ascending else 'descending'}"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The entries from ``earliest`` to ``latest`` (ms, both included)."""

    earliest: int = -_LARGEST_TIME
    latest: int = _LARGEST_TIME

    @property
    def is_empty(self) -> bool:
        return self.earliest > self.latest


def sort_range(order: TimeOrder, times: TimeRange, cursor: Cursor | None) -> SortRange | None:
    """The sort keys to read for what comes after ``cursor``; None if there can be none.

    Where groups of one time are turned around, the cursor's whole group is in the range.
    """
    low = None if times.latest >= _LARGEST_TIME else newest_first(times.latest, "")
    high = None if times.earliest <= -_LARGEST_TIME else newest_first(times.earliest, "") + _LAST
    if cursor is not None:
        if order.newest_first:
            reached = newest_first(*cursor) + "\0" if order.as_kept else newest_first(cursor[0], "")
            low = reached if low is None else max(low, reached)
        else:
            reached = (
                newest_first(*cursor) if order.as_kept else newest_first(cursor[0], "") + _LAST
            )
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
    attributes: Sequence[str] | None,
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
        merged = _groups_turned(merged)
    return merged if cursor is None else dropwhile(_reached(order, cursor), merged)


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
        with ThreadPoolExecutor(min(_AT_ONCE, len(listings))) as pool:
            first_pages = list(pool.map(read, listings))
    streams = [stream(*given) for given in zip(listings, first_pages, strict=True)]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=_sort_key, reverse=reverse)


def in_order(
    items: Iterable[Item], order: TimeOrder, times: TimeRange, cursor: Cursor | None
) -> list[Item]:
    """Items that did not come from a listing, as one would give them: those in the range of times
    and after ``cursor``, in order."""
    placed = [(parse_newest_first(_sort_key(item)), item) for item in items]
    found = [
        (place, item)
        for place, item in placed
        if times.earliest <= place[0] <= times.latest and _is_after(order, place, cursor)
    ]
    found.sort(key=lambda entry: entry[0][1], reverse=not order.ids_ascending)
    found.sort(key=lambda entry: entry[0][0], reverse=order.newest_first)
    return [item for _, item in found]


def _is_after(order: TimeOrder, place: Cursor, cursor: Cursor | None) -> bool:
    if cursor is None:
        return True
    if place[0] == cursor[0]:
        return place[1] > cursor[1] if order.ids_ascending else place[1] < cursor[1]
    return place[0] < cursor[0] if order.newest_first else place[0] > cursor[0]


def _groups_turned(merged: Iterator[Item]) -> Iterator[Item]:
    for _, group in groupby(merged, lambda item: item["gsi1sk"][:_TIME_DIGITS]):
        yield from reversed(list(group))


def _reached(order: TimeOrder, cursor: Cursor) -> Callable[[Item], bool]:
    """Whether an entry at the head of the order is at the cursor or before it."""
    time = newest_first(cursor[0], "")
    at = newest_first(*cursor)

    def reached(item: Item) -> bool:
        key = _sort_key(item)
        if not key.startswith(time):
            return False
        return key <= at if order.ids_ascending else key >= at

    return reached
