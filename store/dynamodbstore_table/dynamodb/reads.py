"""Gets, queries and scans: the requests, the pages they are put together from, expired items."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dynamodbstore_events.keys import Key

from dynamodbstore_table.apply import expired
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.dynamodb.client import Client
from dynamodbstore_table.dynamodb.codec import Attributes, decode_item, encode_key
from dynamodbstore_table.dynamodb.expressions import (
    Expressions,
    attributes_of,
    compile_filter,
    compile_projection,
)
from dynamodbstore_table.errors import InvalidOps, Throttled
from dynamodbstore_table.port import EVERY, Index, Item, Page, SortRange, Start
from dynamodbstore_table.schema import INDEX_KEYS, LOOKUP_ATTRIBUTES, TABLE_KEYS, TTL

KEYS_A_BATCH = 100
_PAGE_GROWTH = 4
_WHOLE_PAGE = 10_000


@dataclass(frozen=True)
class Listing:
    """Which items of one partition a query wants, and how much of each."""

    pk: str
    index: Index | None = None
    sk: SortRange = EVERY
    filter: Condition | None = None
    reverse: bool = False
    consistent: bool = True
    attributes: Sequence[str] | None = None

    @property
    def keys(self) -> tuple[str, str]:
        """The attributes that this listing's partition and sort keys are in."""
        return TABLE_KEYS if self.index is None else INDEX_KEYS[self.index]

    @property
    def position(self) -> tuple[str, ...]:
        """The attributes that make an item's position in the listing."""
        return TABLE_KEYS if self.index is None else (*TABLE_KEYS, *self.keys)

    @property
    def wanted(self) -> Sequence[str] | None:
        """The attributes to return; None for all."""
        if self.index == "GSI2":
            return self.attributes if self.attributes is not None else LOOKUP_ATTRIBUTES
        return self.attributes


def get_item(
    client: Client, key: Key, consistent: bool, attributes: Sequence[str] | None
) -> Item | None:
    """The item, or None if it is missing or its time to live has passed."""
    names = Expressions()
    answer = client.call(
        "get_item",
        Key=encode_key(key),
        ConsistentRead=consistent,
        **_projection(attributes, (TTL,), names),
        **names.parameters(),
    )
    found = answer.get("Item")
    if not found:
        return None
    item = decode_item(found)
    return None if expired(item, time.time()) else _pick(item, attributes)


def get_batch(
    client: Client, keys: Sequence[Key], consistent: bool, attributes: Sequence[str] | None
) -> dict[Key, Item]:
    """Those of up to 100 items that exist; keys that come back unprocessed are read again."""
    names = Expressions()
    request: dict[str, Any] = {
        "ConsistentRead": consistent,
        **_projection(attributes, (TTL, *TABLE_KEYS), names),
        **names.parameters(),
    }
    wanted = None if attributes is None else {*attributes, *TABLE_KEYS}
    found: dict[Key, Item] = {}
    pending: list[Attributes] = [encode_key(key) for key in keys]
    delays = client.backoff.delays()
    on_pause = client.on_pause("batch_get_item")
    attempt = 0
    while True:
        attempt += 1
        answer = client.send(
            "batch_get_item", RequestItems={client.table: {**request, "Keys": pending}}
        )
        now = time.time()
        for attribute_values in answer.get("Responses", {}).get(client.table, ()):
            item = decode_item(attribute_values)
            if not expired(item, now):
                found[item["PK"], item["SK"]] = _pick(item, wanted)
        unprocessed = answer.get("UnprocessedKeys", {}).get(client.table, {}).get("Keys") or []
        if not unprocessed:
            return found
        if len(unprocessed) < len(pending):
            # Progress: an answer ends at 16 MB, which is no throttling.
            delays = client.backoff.delays()
        pending = unprocessed
        pause = next(delays, None)
        if pause is None:
            raise Throttled(f"{len(pending)} keys of a batch were left unprocessed")
        on_pause("Unprocessed", attempt, pause)
        time.sleep(pause)


def query_page(client: Client, listing: Listing, limit: int | None, start: Start | None) -> Page:
    """A page of a listing: of ``limit`` items unless it ends before, else of up to 1 MB read."""
    if limit is not None and limit < 1:
        raise InvalidOps(f"a page has a limit of 1 at least, not {limit}")
    reader = _Reader(client, listing, limit is not None)
    if reader.empty:
        return Page([], None)
    if limit is None:
        items, start, _ = reader.read(start, None)
        return Page([reader.trimmed(item) for item in items], start)
    items = []
    size = limit
    while True:
        more, start, dropped = reader.read(start, size if size < _WHOLE_PAGE else None)
        items += more
        if len(items) > limit:
            items = items[:limit]
            start = reader.position_of(items[-1])
        if start is None or len(items) == limit:
            return Page([reader.trimmed(item) for item in items], start)
        # Where much is dropped, pages as small as what is missing would be many.
        size = size * _PAGE_GROWTH if dropped else limit - len(items)


def query_partition(client: Client, listing: Listing) -> list[Item]:
    """Every item of a listing, all pages followed."""
    page = query_page(client, listing, None, None)
    items = page.items
    while page.next is not None:
        page = query_page(client, listing, None, page.next)
        items += page.items
    return items


def scan_page(client: Client, segment: int, segments: int, start: Start | None) -> Page:
    """A page of one of ``segments`` parts of the table."""
    answer = client.call(
        "scan", Segment=segment, TotalSegments=segments, ConsistentRead=True, **_start(start)
    )
    now = time.time()
    items = [decode_item(found) for found in answer["Items"]]
    return Page([item for item in items if not expired(item, now)], _next(answer))


class _Reader:
    """The requests of one query, which differ in their start and size only."""

    def __init__(self, client: Client, listing: Listing, limited: bool) -> None:
        self._client = client
        self._listing = listing
        low, high = listing.sk.low or None, listing.sk.high
        self.empty = high == "" or (low is not None and high is not None and low > high)
        expressions, filter_expression = _filter_expression(listing)
        self._filter = None if filter_expression else listing.filter
        self._parameters = {
            "KeyConditionExpression": _key_condition(listing, low, high, expressions),
            **filter_expression,
            **self._projection(limited, expressions),
            **expressions.parameters(),
        }
        if listing.index is not None:
            self._parameters["IndexName"] = listing.index
        elif listing.consistent:
            self._parameters["ConsistentRead"] = True
        if listing.reverse:
            self._parameters["ScanIndexForward"] = False

    def read(self, start: Start | None, size: int | None) -> tuple[list[Item], Start | None, bool]:
        """One request's items that are there and pass the filter, untrimmed; where it stopped;
        and whether it read items that were dropped."""
        page = {} if size is None else {"Limit": size}
        answer = self._client.call("query", **self._parameters, **page, **_start(start))
        now = time.time()
        items = [
            item
            for item in map(decode_item, answer["Items"])
            if not expired(item, now) and (self._filter is None or self._filter.holds(item))
        ]
        return items, _next(answer), len(items) < answer["ScannedCount"]

    def trimmed(self, item: Item) -> Item:
        """The item without the attributes that were read for our own use."""
        return _pick(item, self._listing.wanted) if self._trims else item

    def position_of(self, item: Item) -> Start:
        """Where to go on behind an item."""
        return {name: item[name] for name in self._listing.position}

    def _projection(self, limited: bool, to: Expressions) -> dict[str, str]:
        listing = self._listing
        if listing.attributes is None:
            self._trims = listing.index == "GSI2"
            return {}
        own = {TTL}
        if limited:
            own |= set(listing.position)
        if self._filter is not None:
            own |= attributes_of(self._filter)
        fetched = {*listing.attributes, *own}
        if listing.index == "GSI2":
            fetched &= {*LOOKUP_ATTRIBUTES, TTL}
        self._trims = not fetched <= set(listing.attributes)
        return {"ProjectionExpression": compile_projection(sorted(fetched), to)}


def _filter_expression(listing: Listing) -> tuple[Expressions, dict[str, str]]:
    """The filter for DynamoDB; none where it can't take it, as it reads the same items either way:
    a filter on the listing's own keys, or one of more than 4 KB."""
    expressions = Expressions()
    if listing.filter is not None and attributes_of(listing.filter).isdisjoint(listing.keys):
        text = compile_filter(listing.filter, expressions)
        if text is not None:
            return expressions, {"FilterExpression": text}
    return Expressions(), {}


def _key_condition(listing: Listing, low: str | None, high: str | None, to: Expressions) -> str:
    pk, sk = listing.keys
    condition = f"{to.name(pk)}={to.value(listing.pk)}"
    if low is not None and high is not None:
        return f"{condition} AND {to.name(sk)} BETWEEN {to.value(low)} AND {to.value(high)}"
    if low is not None:
        return f"{condition} AND {to.name(sk)}>={to.value(low)}"
    if high is not None:
        return f"{condition} AND {to.name(sk)}<={to.value(high)}"
    return condition


def _projection(
    attributes: Sequence[str] | None, extra: Sequence[str], to: Expressions
) -> dict[str, str]:
    if attributes is None:
        return {}
    return {"ProjectionExpression": compile_projection([*attributes, *extra], to)}


def _pick(item: Item, wanted: Sequence[str] | set[str] | None) -> Item:
    if wanted is None:
        return item
    return {name: item[name] for name in wanted if name in item}


def _start(start: Start | None) -> dict[str, Attributes]:
    if start is None:
        return {}
    return {"ExclusiveStartKey": {name: {"S": value} for name, value in start.items()}}


def _next(answer: Mapping[str, Any]) -> Start | None:
    last = answer.get("LastEvaluatedKey")
    return {name: value["S"] for name, value in last.items()} if last else None
