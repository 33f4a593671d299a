"""Where the candidates of a search come from: few that something names, or those of a listing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dynamodbstore_events.keys import Key
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.reader import (
    MOST_CANDIDATES,
    NARROWING,
    Posted,
    posted,
    posted_keys,
)
from dynamodbstore_table.port import Item, Table

from mlflow_dynamodbstore.search.clause import Clause, Field
from mlflow_dynamodbstore.search.listings import EVER, Listing, TimeOrder, TimeRange, entries
from mlflow_dynamodbstore.search.order import Cursor


class Source(ABC):
    """A source of rows. A plan tries its sources in turn; the last one always answers."""

    in_order: ClassVar[bool] = False
    """Whether rows come in the plan's order, from a cursor on, and are read as they are needed."""

    decides: ClassVar[bool] = False
    """Whether only rows in view come that pass the clauses left to the table's keys and filter."""

    @abstractmethod
    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item] | None:
        """The rows, about ``chunk`` of which are needed first; None where they are too many for
        this source."""

    @abstractmethod
    def lines(self, noun: str) -> Iterator[str]:
        """The source in words."""


@dataclass(frozen=True, slots=True)
class ByKey(Source):
    """Items that the filter names."""

    keys: tuple[Key, ...]
    by: str = "id"

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item]:
        return table.batch_get(self.keys).values()

    def lines(self, noun: str) -> Iterator[str]:
        yield f"candidates: {len(self.keys)} {noun} by {self.by}"


@dataclass(frozen=True, slots=True)
class ByLinks(Source):
    """Items whose keys stand in the links of something that the filter names."""

    keys: Callable[[Table], Sequence[Key]]
    of: str

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item]:
        return table.batch_get(self.keys(table)).values()

    def lines(self, noun: str) -> Iterator[str]:
        yield f"candidates: {noun} by the links of {self.of}"


@dataclass(frozen=True, slots=True)
class ByPostings(Source):
    """The entities whose texts have the trigrams of a pattern, where these are few."""

    posted: Posted

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item] | None:
        keys = posted_keys(table, self.posted)
        # The listing would have been read eventually consistent too.
        return None if keys is None else table.batch_get(keys, consistent=False).values()

    def lines(self, noun: str) -> Iterator[str]:
        yield f"candidates: {noun} by {self.posted}; if more than {MOST_CANDIDATES}, these:"


def by_postings(
    config: Config,
    kind: str,
    scopes: Sequence[str],
    clauses: Iterable[Clause],
    fields: Mapping[Field, str],
) -> ByPostings | None:
    """How postings narrow the entities of a kind; ``fields`` have postings under these names."""
    patterns = [
        (fields[one.on], one.value)
        for one in clauses
        if one.on in fields and one.comparator in NARROWING
    ]
    found = posted(config, kind, scopes, patterns)
    return None if found is None else ByPostings(found)


@dataclass(frozen=True, slots=True)
class Listed(Source):
    """The entries of listings in an order of time.

    ``attributes`` are all that is needed of an entry (None: everything). ``least_page`` is the
    least to read at once, and ``shared_page`` the least of each of several listings.
    """

    listings: tuple[Listing, ...]
    order: TimeOrder
    times: TimeRange = EVER
    attributes: tuple[str, ...] | None = None
    least_page: int = 1
    shared_page: int = 10

    in_order: ClassVar[bool] = True
    decides: ClassVar[bool] = True

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item]:
        page = max(chunk, self.least_page)
        if len(self.listings) > 1:
            page = min(page, max(self.shared_page, 2 * page // len(self.listings)))
        return entries(
            table,
            self.listings,
            self.order,
            self.times,
            cursor,
            page_size=page,
            # Naming attributes spares a network what is not wanted, and costs a file time.
            attributes=self.attributes if table.remote else None,
        )

    def lines(self, noun: str) -> Iterator[str]:
        if self.times.is_empty:
            yield "candidates: none, the times exclude each other"
            return
        yield f"candidates: {len(self.listings)} listing(s) of {noun}, read {self.order}"
        if self.times != EVER:
            yield f"times: from {self.times.earliest} to {self.times.latest} ms"
        for listing in self.listings:
            yield f"  {listing}"
