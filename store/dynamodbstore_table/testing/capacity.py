"""What DynamoDB would charge: capacity units from item sizes, by its developer guide's rules.

Writes count in units of 1 KB of the larger of the item before and after, twice in a transaction.
Reads count in units of 4 KB, half of it where they may be eventually consistent; a query counts
the bytes of everything that it reads, before its filter, and rounds up once a page. An index is
charged, once and in a transaction too, for what a write changes in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dynamodbstore_table.apply import applied
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.port import MAX_PAGE_BYTES, Check, Delete, Item, Op
from dynamodbstore_table.schema import INDEX_KEYS, LOOKUP_ATTRIBUTES, TTL

_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096
_TRANSACTION_FACTOR = 2
_LOOKUP_ENTRY = (*LOOKUP_ATTRIBUTES, TTL)


def write_units(op: Op, before: Item | None, *, transactional: bool = False) -> float:
    """The write units of an op that is carried out, those of both indexes with it.

    ``before`` is the item as the op finds it (None: no item). A ``Check`` is charged as a
    transactional write of the item that it looks at.
    """
    after = _after(op, before)
    units = _units(max(_size(before), _size(after)))
    if transactional:
        units *= _TRANSACTION_FACTOR
    if isinstance(op, Check):
        return units
    return units + _index_units(before, after)


def refused_write_units(before: Item | None, *, transactional: bool = False) -> float:
    """The write units of an op whose condition failed: those of the item that it met."""
    units = _units(_size(before))
    return units * _TRANSACTION_FACTOR if transactional else units


def read_units(size: int, *, consistent: bool) -> float:
    """The read units of one item, or of one page of a query, of ``size`` bytes."""
    units = max(1, -(-size // _READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def page_sizes(items: Iterable[Mapping[str, Any]]) -> list[int]:
    """The bytes of each page that DynamoDB would read the items in, in order; at least one page.

    A page ends with the item with which it reaches 1 MB.
    """
    pages = [0]
    full = False
    for item in items:
        if full:
            pages.append(0)
        pages[-1] += item_size(item)
        full = pages[-1] >= MAX_PAGE_BYTES
    return pages


def _after(op: Op, before: Item | None) -> Item | None:
    if isinstance(op, Delete):
        return None
    if isinstance(op, Check):
        return before
    return applied(op, before)


def _index_units(before: Item | None, after: Item | None) -> float:
    first = _entry_units(_listing_entry(before), _listing_entry(after), INDEX_KEYS["GSI1"])
    second = _entry_units(_lookup_entry(before), _lookup_entry(after), INDEX_KEYS["GSI2"])
    return first + second


def _entry_units(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, keys: Sequence[str]
) -> float:
    if before == after:
        return 0.0
    if before is not None and after is not None and all(before[k] == after[k] for k in keys):
        return _units(max(_size(before), _size(after)))
    # An entry whose key changes is deleted, then put.
    return sum(_units(_size(entry)) for entry in (before, after) if entry is not None)


def _listing_entry(item: Item | None) -> Mapping[str, Any] | None:
    return item if item is not None and _indexed(item, INDEX_KEYS["GSI1"]) else None


def _lookup_entry(item: Item | None) -> Mapping[str, Any] | None:
    if item is None or not _indexed(item, INDEX_KEYS["GSI2"]):
        return None
    return {name: item[name] for name in _LOOKUP_ENTRY if name in item}


def _indexed(item: Item, keys: Sequence[str]) -> bool:
    return all(key in item for key in keys)


def _size(item: Mapping[str, Any] | None) -> int:
    return 0 if item is None else item_size(item)


def _units(size: int) -> float:
    return float(max(1, -(-size // _WRITE_UNIT_BYTES)))
