"""A table between whose requests something else happens: another writer, or the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.facts import TableFacts
from dynamodbstore_table.port import (
    EVERY,
    Advances,
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


class Crash(BaseException):
    """The process has ended; no handler of exceptions is there to see it."""


class InterposedTable(Table):
    """Passes everything on, and calls ``before`` with the number of each request before it."""

    remote = True

    def __init__(self, table: Table, before: Callable[[int], None]) -> None:
        self._table = table
        self._before = before
        self.requests = 0
        self._counting = threading.Lock()

    def _request(self) -> Table:
        with self._counting:
            number = self.requests
            self.requests += 1
        self._before(number)
        return self._table

    def get(
        self, key: Key, *, consistent: bool = True, attributes: Sequence[str] | None = None
    ) -> Item | None:
        return self._request().get(key, consistent=consistent, attributes=attributes)

    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        return self._request().batch_get(keys, consistent=consistent, attributes=attributes)

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
        return self._request().query(
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

    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        return self._request().partitions(pks, sk=sk, consistent=consistent, attributes=attributes)

    def write(self, *ops: Op | Advances) -> list[ChangeEvent]:
        return self._request().write(*ops)

    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        return self._request().bulk(ops)

    def scan(self, segment: int = 0, segments: int = 1, start: Start | None = None) -> Page:
        return self._request().scan(segment, segments, start)

    def sweep_expired(self, limit: int = 1000) -> list[ChangeEvent]:
        return self._request().sweep_expired(limit)

    @property
    def incarnation(self) -> int:
        return self._table.incarnation

    def now(self) -> float:
        return self._table.now()

    def create(self) -> None:
        self._request().create()

    def exists(self) -> bool:
        return self._request().exists()

    def check(self) -> None:
        self._table.check()

    def facts(self, *, with_kinds: bool = False) -> TableFacts:
        return self._table.facts(with_kinds=with_kinds)

    def close(self) -> None:
        self._table.close()
