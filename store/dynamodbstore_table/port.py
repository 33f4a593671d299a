"""The Table port: what the store, the projections and the replay need of an engine.

Items are plain dicts of ``str``, ``int`` (up to 38 digits), ``bytes``, ``bool``, ``None``, lists
and dicts of them; every item has the text attributes ``PK`` and ``SK``, and may have ``gsi1pk`` and
``gsi1sk``, ``gsi2pk`` and ``gsi2sk`` (which put it into the index), and ``ttl`` (Unix seconds).
Floats are refused: a DynamoDB number is not an IEEE double. An item past its ``ttl`` counts as
absent everywhere, in reads and in conditions, before the engine removes it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key
from dynamodbstore_events.values import value

from dynamodbstore_table.conditions import Both, Condition, below, shorter
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.facts import TableFacts

Item: TypeAlias = dict[str, Any]
Index: TypeAlias = Literal["GSI1", "GSI2"]
Result = TypeVar("Result")

MAX_ITEM_BYTES = 400 * 1024
MAX_PAGE_BYTES = 1024 * 1024
MAX_OPS = 100

_LAST = "\U0010ffff"


@value
class Put:
    """Write the whole item in place of what was there."""

    item: Item
    condition: Condition | None = None

    @property
    def key(self) -> Key:
        return self.item["PK"], self.item["SK"]


@value
class Update:
    """Change attributes of an item, creating it if it is missing.

    ``set`` replaces values, ``remove`` drops attributes, ``add`` adds to numbers (a missing one
    counts as 0), ``append`` extends lists (a missing one counts as empty), ``default`` sets what is
    missing and leaves what is there.
    """

    key: Key
    set: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    add: Mapping[str, int] = field(default_factory=dict)
    append: Mapping[str, list[Any]] = field(default_factory=dict)
    condition: Condition | None = None
    default: Mapping[str, Any] = field(default_factory=dict)


@value
class Advances:
    """Many updates of one partition that are alike but for their values, as columns.

    The item under each of ``sks`` moves on. It gets its one of ``marks`` as the attribute ``mark``,
    has its one of ``values`` put behind the list ``values_in``, and loses ``drop``: if its mark was
    lower, or missing, and the list shorter than ``room``, or missing. Where ``once`` names an
    attribute that the item lacks, it gets its one of ``defaults`` as that.

    ``write`` and ``bulk`` take it for its updates, which it makes as they are needed: to make and
    to test a thousand of them takes an engine in this process longer than to do them.
    """

    pk: str
    sks: Sequence[str]
    mark: str
    marks: Sequence[bytes]
    values_in: str
    values: Sequence[str]
    room: int
    drop: str
    once: str
    defaults: Sequence[int]

    def __len__(self) -> int:
        return len(self.sks)

    def __iter__(self) -> Iterator[Update]:
        return map(self.update, range(len(self.sks)))

    def update(self, number: int) -> Update:
        """One of the updates."""
        mark = self.marks[number]
        return Update(
            (self.pk, self.sks[number]),
            {self.mark: mark},
            (self.drop,),
            append={self.values_in: [self.values[number]]},
            condition=Both((below(self.mark, mark), shorter(self.values_in, self.room))),
            default={self.once: self.defaults[number]},
        )


@value
class Delete:
    """Remove an item; removing what is not there is no error."""

    key: Key
    condition: Condition | None = None


@value
class Check:
    """Write nothing, but let the whole write fail unless the condition holds."""

    key: Key
    condition: Condition


Op: TypeAlias = Put | Update | Delete | Check


@dataclass(frozen=True, slots=True)
class SortRange:
    """The sort keys from ``low`` to ``high``, both included; None leaves that end open."""

    low: str | None = None
    high: str | None = None


EVERY = SortRange()


def begins_with(prefix: str) -> SortRange:
    """The sort keys that begin with the prefix."""
    return SortRange(prefix, prefix + _LAST)


def after(sort_key: str, high: str | None = None) -> SortRange:
    """The sort keys behind ``sort_key``, itself excluded, up to ``high``."""
    return SortRange(sort_key + "\0", high)


Start: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a listing in order, and where the next page starts (None: that was all)."""

    items: list[Item]
    next: Start | None


@dataclass(frozen=True, slots=True)
class Query:
    """What ``Table.query`` takes, as a value."""

    pk: str
    index: Index | None = None
    sk: SortRange = EVERY
    filter: Condition | None = None
    reverse: bool = False
    limit: int | None = None
    start: Start | None = None
    consistent: bool = True
    attributes: Sequence[str] | None = None


Observer: TypeAlias = Callable[["Table", Sequence[ChangeEvent]], None]
"""Is handed what was written: on the embedded engine inside the write's own transaction (what it
writes commits or fails with it), on DynamoDB after the write. Its own writes do not call it."""


class Table(ABC):
    """One table, safe for use by many threads. Every method may raise a ``TableError``."""

    remote: ClassVar[bool]
    """Whether a request crosses a network, so that what was read is worth remembering."""

    @abstractmethod
    def get(
        self, key: Key, *, consistent: bool = True, attributes: Sequence[str] | None = None
    ) -> Item | None:
        """The item, or None. ``attributes`` names the only attributes that are wanted."""

    @abstractmethod
    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        """Those of the items that exist: any number of keys, 100 a request, in parallel.

        ``attributes``, here and elsewhere, should name PK and SK too if they are wanted
        (``batch_get`` itself adds them).
        """

    @abstractmethod
    def query(
        self,
        pk: str,
        *,
        index: Index | None = None,
        sk: SortRange = EVERY,
        filter: Condition | None = None,
        reverse: bool = False,
        limit: int | None = None,
        start: Start | None = None,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> Page:
        """A page of one partition's items (of an index's, with ``index``), in sort key order.

        ``filter`` drops items after they are read. ``limit`` bounds the items returned, after the
        filter; without it a page ends at 1 MB read. An index is always read eventually consistent;
        ``GSI2`` holds keys only (``PK``, ``SK``, ``gsi2pk``, ``gsi2sk``).
        """

    @abstractmethod
    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        """Every item of many partitions, in sort key order, all pages followed, in parallel.

        A partition without items is an empty list.
        """

    @abstractmethod
    def write(self, *ops: Op | Advances) -> list[ChangeEvent]:
        """Do all of the ops (1 to 100, no key twice) or none; one op is one plain request.

        Raises ``ConditionFailed`` with the items that the failed conditions met.
        """

    @abstractmethod
    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        """Do any number of ops, each for itself, in no order, in parallel, retrying what throttles.

        Only updates may carry conditions; those that fail are raised together as
        ``ConditionFailed`` (positions as in ``ops``) when everything else has been done.
        """

    @abstractmethod
    def scan(self, segment: int = 0, segments: int = 1, start: Start | None = None) -> Page:
        """A page of the whole table, of one of ``segments`` disjoint parts of it, in no order."""

    @abstractmethod
    def sweep_expired(self, limit: int = 1000) -> list[ChangeEvent]:
        """Remove items past their ``ttl`` and hand their removal events to the observer.

        On DynamoDB the service does it, and this returns nothing.
        """

    @property
    def incarnation(self) -> int:
        """Goes up when another table is found in the place of the one that was open, as when a file
        is restored under a running server: what was read before is of the other one."""
        return 0

    @abstractmethod
    def now(self) -> float:
        """The time by which this table goes, in Unix seconds.

        Whatever is compared with a ``ttl`` or becomes one is taken from here: on DynamoDB the
        machine's clock, in a file one that a leaping clock can't mislead.
        """

    def may_have_old_stamps(self) -> bool:
        """Whether an older version may have stamped items with a ``ttl`` that nobody chose: in a
        file, until ``heed_stamps``."""
        return False

    def ignores_stamps(self) -> bool:
        """Whether no ``ttl`` of the table counts: in a file, while those that an older version has
        written by its defaults are taken off."""
        return False

    def ignore_stamps(self) -> None:
        """Let no ``ttl`` of this file count from now on, in no process."""
        raise InvalidOps("only a file can ignore its times to live")

    def heed_stamps(self) -> None:
        """Let every ``ttl`` of this file count again."""
        raise InvalidOps("only a file can ignore its times to live")

    def stamped(self, behind: Item | None, limit: int) -> list[Item]:
        """Items of a file that have a ``ttl``, whether it is past or not, in the order of ``ttl``,
        ``PK`` and ``SK``, behind an item (None: from the first)."""
        return []

    @abstractmethod
    def create(self) -> None:
        """Create the table if it is missing, and wait until it can be used."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether the table is there."""

    @abstractmethod
    def check(self) -> None:
        """Check that the table is there and laid out as the store needs: one request.

        Raises ``TableMissing``, and ``TableUnfit`` with what differs and what to do about it.
        """

    @abstractmethod
    def facts(self, *, with_kinds: bool = False) -> TableFacts:
        """What the engine knows of the table as a whole.

        ``with_kinds`` lets the embedded engine count by kind. Raises as ``check`` does.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections; the table can't be used afterwards."""

    def queries(self, queries: Iterable[Query]) -> list[Page]:
        """The first page of each query, in their order; side by side where ``at_once`` is."""
        return self.at_once([partial(self._query, query) for query in queries])

    def at_once(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """The results of several calls that read this table, in their order.

        On DynamoDB they are made side by side, by as many threads as the table has connections
        for, and their requests count as the caller's. When all have ended, the first error is
        raised. Calls within a call are made one after the other.
        """
        return [call() for call in calls]

    def _query(self, query: Query) -> Page:
        return self.query(
            query.pk,
            index=query.index,
            sk=query.sk,
            filter=query.filter,
            reverse=query.reverse,
            limit=query.limit,
            start=query.start,
            consistent=query.consistent,
            attributes=query.attributes,
        )

    def query_all(
        self,
        pk: str,
        *,
        index: Index | None = None,
        sk: SortRange = EVERY,
        filter: Condition | None = None,
        reverse: bool = False,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
        page_size: int | None = None,
    ) -> Iterator[Item]:
        """Every item of a listing, reading pages (of ``page_size`` items) as they are needed."""
        start: Start | None = None
        while True:
            page = self.query(
                pk,
                index=index,
                sk=sk,
                filter=filter,
                reverse=reverse,
                limit=page_size,
                start=start,
                consistent=consistent,
                attributes=attributes,
            )
            yield from page.items
            if page.next is None:
                return
            start = page.next


def now_ms(table: Table) -> int:
    """The time by which the table goes, in ms: for what is compared with a retention later."""
    return int(table.now() * 1000)
