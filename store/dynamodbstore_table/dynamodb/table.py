"""The Table on DynamoDB, in a region or at the endpoint of a compatible engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import ClassVar

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key

from dynamodbstore_table.checks import check_advances, check_write, single_ops
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.dynamodb.admin import (
    check_table,
    create_table,
    table_exists,
    table_facts,
)
from dynamodbstore_table.dynamodb.bulk import Bulk
from dynamodbstore_table.dynamodb.client import Client, OnRequest
from dynamodbstore_table.dynamodb.reads import (
    KEYS_A_BATCH,
    Listing,
    get_batch,
    get_item,
    query_page,
    query_partition,
    scan_page,
)
from dynamodbstore_table.dynamodb.retry import Backoff, OnRetry
from dynamodbstore_table.dynamodb.workers import Workers
from dynamodbstore_table.dynamodb.writes import events_of, write_all, write_one
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.facts import TableFacts
from dynamodbstore_table.port import (
    EVERY,
    Advances,
    Delete,
    Index,
    Item,
    Observer,
    Op,
    Page,
    Put,
    Result,
    SortRange,
    Start,
    Table,
    Update,
)


class DynamoDBTable(Table):
    """One table on DynamoDB. Making it costs nothing: boto3 is loaded by the first request.

    Without an ``endpoint_url`` the SDK's own endpoint and credentials are used. At the endpoint of
    a local engine the region defaults to ``us-east-1``, and credentials are made up if none are
    configured. ``max_connections`` bounds the HTTP connections, half of which one call may use for
    requests side by side. ``on_request`` is called after each HTTP request, from whichever thread
    made it, and ``on_retry`` before one is made again. ``backoff`` sets how long throttled and
    conflicting requests are tried again.
    """

    remote: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        observer: Observer | None = None,
        max_connections: int = 50,
        on_request: OnRequest | None = None,
        backoff: Backoff | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.name = name
        self.observer = observer
        self.client = Client(
            name,
            region=region,
            endpoint_url=endpoint_url,
            max_connections=max_connections,
            on_request=on_request,
            backoff=backoff or Backoff(),
            on_retry=on_retry,
        )
        self._workers = Workers(max(1, max_connections // 2))
        self._observing = threading.local()

    def get(
        self, key: Key, *, consistent: bool = True, attributes: Sequence[str] | None = None
    ) -> Item | None:
        return get_item(self.client, key, consistent, attributes)

    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        wanted = list(dict.fromkeys(keys))
        batches = [wanted[i : i + KEYS_A_BATCH] for i in range(0, len(wanted), KEYS_A_BATCH)]
        found: dict[Key, Item] = {}
        for part in self._workers.map(
            lambda batch: get_batch(self.client, batch, consistent, attributes), batches
        ):
            found.update(part)
        return found

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
        listing = Listing(pk, index, sk, filter, reverse, consistent, attributes)
        return query_page(self.client, listing, limit, start)

    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        wanted = list(dict.fromkeys(pks))
        listings = [
            Listing(pk, sk=sk, consistent=consistent, attributes=attributes) for pk in wanted
        ]
        found = self._workers.map(lambda listing: query_partition(self.client, listing), listings)
        return dict(zip(wanted, found, strict=True))

    def at_once(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        return self._workers.map(lambda call: call(), calls)

    def write(self, *given: Op | Advances) -> list[ChangeEvent]:
        ops = single_ops(given)
        check_write(ops)
        try:
            events = (
                write_one(self.client, ops[0]) if len(ops) == 1 else write_all(self.client, ops)
            )
        except TableError as error:
            if error.in_doubt:
                self._observe_doubtful(events_of(ops))
            raise
        self._observe(events)
        return events

    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        if isinstance(ops, Advances):
            check_advances(ops)
        bulk = Bulk(self.client, self._workers)
        try:
            bulk.do(ops)
        finally:
            # What was done must be seen, also where something else failed.
            self._observe(bulk.events)
        return bulk.events

    def scan(self, segment: int = 0, segments: int = 1, start: Start | None = None) -> Page:
        return scan_page(self.client, segment, segments, start)

    def sweep_expired(self, limit: int = 1000) -> list[ChangeEvent]:
        return []

    def now(self) -> float:
        return time.time()

    def create(self) -> None:
        create_table(self.client)

    def exists(self) -> bool:
        return table_exists(self.client)

    def check(self) -> None:
        check_table(self.client)

    def facts(self, *, with_kinds: bool = False) -> TableFacts:
        return table_facts(self.client)

    def close(self) -> None:
        self._workers.close()
        self.client.close()

    def _observe_doubtful(self, events: Sequence[ChangeEvent]) -> None:
        """Hand over what may have been done; the write's own error is the one to be raised."""
        with suppress(TableError):
            self._observe(events)

    def _observe(self, events: Sequence[ChangeEvent]) -> None:
        if self.observer is None or not events or getattr(self._observing, "now", False):
            return
        self._observing.now = True
        try:
            self.observer(self, events)
        finally:
            self._observing.now = False
