"""A diagnostic adapter: any table, with a meter of what its requests would cost on DynamoDB.

It computes costs and sends no request to DynamoDB. To know the sizes of what is there it reads
each item before it is written and each listing without its filter, so it is for benchmarks and
tests.
The requests that a ``DynamoDBTable`` really makes come from its own ``on_request``.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key

from dynamodbstore_table.apply import updated
from dynamodbstore_table.checks import single_ops
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.facts import TableFacts
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.port import (
    EVERY,
    MAX_PAGE_BYTES,
    Advances,
    Check,
    Delete,
    Index,
    Item,
    Op,
    Page,
    Put,
    SortRange,
    Start,
    Table,
    Update,
)
from dynamodbstore_table.testing.capacity import (
    page_sizes,
    read_units,
    refused_write_units,
    write_units,
)

_KEYS_A_BATCH = 100
_OPS_A_BATCH = 25
_PAGE_GROWTH = 4
_WHOLE_PAGE = 10_000
_LOOK_AHEAD = 1_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What some work cost: requests by DynamoDB's name of the operation, and capacity units."""

    requests: Mapping[str, int] = field(default_factory=dict)
    write_units: float = 0.0
    read_units: float = 0.0

    @property
    def total_requests(self) -> int:
        return sum(self.requests.values())


class Meter:
    """Adds up requests and capacity units; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._write_units = 0.0
        self._read_units = 0.0

    def record(self, operation: str, write_units: float = 0.0, read_units: float = 0.0) -> None:
        """Count one request."""
        with self._lock:
            self._requests[operation] += 1
            self._write_units += write_units
            self._read_units += read_units

    def take(self) -> Usage:
        """What has been counted since the last take."""
        with self._lock:
            usage = Usage(dict(self._requests), self._write_units, self._read_units)
            self._requests, self._write_units, self._read_units = Counter(), 0.0, 0.0
        return usage


class CountingTable(Table):
    """Passes everything on to ``table`` and counts in ``meter`` the requests to DynamoDB.

    It claims to be remote, so that a store on it remembers and batches as on DynamoDB.
    """

    remote = True

    def __init__(self, table: Table, meter: Meter) -> None:
        self._table = table
        self._meter = meter

    def get(
        self, key: Key, *, consistent: bool = True, attributes: Sequence[str] | None = None
    ) -> Item | None:
        size = _size(self._table.get(key))
        self._meter.record("GetItem", read_units=read_units(size, consistent=consistent))
        return self._table.get(key, consistent=consistent, attributes=attributes)

    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        wanted = list(dict.fromkeys(keys))
        whole = self._table.batch_get(wanted)
        for batch in _batches(wanted, _KEYS_A_BATCH):
            sizes = [_size(whole.get(key)) for key in batch]
            units = sum(read_units(size, consistent=consistent) for size in sizes)
            self._meter.record("BatchGetItem", read_units=units)
        return self._table.batch_get(wanted, consistent=consistent, attributes=attributes)

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
        page = self._table.query(
            pk,
            index=index,
            sk=sk,
            filter=filter,
            reverse=reverse,
            limit=limit,
            start=start,
            consistent=consistent,
            attributes=attributes,
        )
        rows = self._unfiltered(pk, index, sk, reverse, start)
        if limit is None:
            sizes = page_sizes(_until(rows, page.next))
        else:
            sizes = _limited_page_sizes(rows, filter, limit)
        self._record_queries(sizes, consistent and index is None)
        return page

    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        wanted = list(dict.fromkeys(pks))
        for items in self._table.partitions(wanted, sk=sk).values():
            self._record_queries(page_sizes(items), consistent)
        return self._table.partitions(wanted, sk=sk, consistent=consistent, attributes=attributes)

    def write(self, *given: Op | Advances) -> list[ChangeEvent]:
        ops = single_ops(given)
        if len(ops) == 1 and isinstance(ops[0], Check):
            size = _size(self._table.get(ops[0].key))
            self._meter.record("GetItem", read_units=read_units(size, consistent=True))
            return self._table.write(*ops)
        transactional = len(ops) > 1
        before = [self._table.get(op.key) for op in ops]
        operation = "TransactWriteItems" if transactional else _OPERATIONS[type(ops[0])]
        try:
            events = self._table.write(*ops)
        except ConditionFailed:
            units = sum(refused_write_units(b, transactional=transactional) for b in before)
            self._meter.record(operation, write_units=units)
            raise
        found = zip(ops, before, strict=True)
        units = sum(write_units(op, b, transactional=transactional) for op, b in found)
        self._meter.record(operation, write_units=units)
        return events

    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        listed = list(ops)
        there: dict[Key, Item | None] = {**self._table.batch_get({op.key: None for op in listed})}
        batched: list[float] = []
        for op in listed:
            before = there.get(op.key)
            if isinstance(op, Update):
                there[op.key] = self._record_update(op, before)
            else:
                batched.append(write_units(op, before))
                there[op.key] = op.item if isinstance(op, Put) else None
        for batch in _batches(batched, _OPS_A_BATCH):
            self._meter.record("BatchWriteItem", write_units=sum(batch))
        return self._table.bulk(listed)

    def scan(self, segment: int = 0, segments: int = 1, start: Start | None = None) -> Page:
        page = self._table.scan(segment, segments, start)
        for size in page_sizes(page.items):
            self._meter.record("Scan", read_units=read_units(size, consistent=True))
        return page

    def sweep_expired(self, limit: int = 1000) -> list[ChangeEvent]:
        # On DynamoDB the service does this, for nothing.
        return self._table.sweep_expired(limit)

    @property
    def incarnation(self) -> int:
        return self._table.incarnation

    def now(self) -> float:
        return self._table.now()

    def may_have_old_stamps(self) -> bool:
        return self._table.may_have_old_stamps()

    def ignores_stamps(self) -> bool:
        return self._table.ignores_stamps()

    def ignore_stamps(self) -> None:
        self._table.ignore_stamps()

    def heed_stamps(self) -> None:
        self._table.heed_stamps()

    def stamped(self, behind: Item | None, limit: int) -> list[Item]:
        return self._table.stamped(behind, limit)

    def create(self) -> None:
        self._table.create()

    def exists(self) -> bool:
        return self._table.exists()

    def check(self) -> None:
        self._table.check()

    def facts(self, *, with_kinds: bool = False) -> TableFacts:
        return self._table.facts(with_kinds=with_kinds)

    def close(self) -> None:
        self._table.close()

    def _record_queries(self, sizes: Iterable[int], consistent: bool) -> None:
        for size in sizes:
            self._meter.record("Query", read_units=read_units(size, consistent=consistent))

    def _record_update(self, op: Update, before: Item | None) -> Item | None:
        """Count the update by itself; returns the item after it."""
        if op.condition is not None and not op.condition.holds(before or {}):
            self._meter.record("UpdateItem", write_units=refused_write_units(before))
            return before
        self._meter.record("UpdateItem", write_units=write_units(op, before))
        return updated(op, before)

    def _unfiltered(
        self, pk: str, index: Index | None, sk: SortRange, reverse: bool, start: Start | None
    ) -> Iterator[Item]:
        while True:
            page = self._table.query(
                pk, index=index, sk=sk, reverse=reverse, limit=_LOOK_AHEAD, start=start
            )
            yield from page.items
            if page.next is None:
                return
            start = page.next


_OPERATIONS: Mapping[type[Op], str] = {
    Put: "PutItem",
    Update: "UpdateItem",
    Delete: "DeleteItem",
}


def _size(item: Item | None) -> int:
    return 0 if item is None else item_size(item)


def _batches(values: list[Any], size: int) -> Iterator[list[Any]]:
    for first in range(0, len(values), size):
        yield values[first : first + size]


def _until(rows: Iterator[Item], last: Start | None) -> Iterator[Item]:
    """The rows of a page that goes on behind ``last`` (None: to the end)."""
    for row in rows:
        yield row
        if last is not None and row["PK"] == last["PK"] and row["SK"] == last["SK"]:
            return


def _limited_page_sizes(rows: Iterator[Item], filter: Condition | None, limit: int) -> list[int]:
    """The bytes that each request for ``limit`` items reads.

    The DynamoDB adapter reads ``limit`` items first; where a filter drops some it reads four
    times as many each time. A request that stops at its limit or at 1 MB can't know that it has
    read the last item, so that another follows.
    """
    sizes: list[int] = []
    found = 0
    wanted = limit
    while True:
        size, count, passed = 0, 0, 0
        ended = False
        while size < MAX_PAGE_BYTES and (count < wanted or wanted >= _WHOLE_PAGE):
            row = next(rows, None)
            if row is None:
                ended = True
                break
            size += item_size(row)
            count += 1
            passed += filter is None or filter.holds(row)
        sizes.append(size)
        found += passed
        if ended or found >= limit:
            return sizes
        wanted = wanted * _PAGE_GROWTH if filter is not None else limit - found
