"""Items as stored in the embedded file: one JSON object a row, without the partition key.

JSON has no bytes and orjson no numbers beyond 64 bits. What holds one is named under ``PK``, a name
that the stored object has no other use for, so that an object without it needs no second look:

- ``{"PK": "chunk", "SK": "METRIC#loss", "chunk": "AAAA"}``: this one attribute is bytes, in base64.
- ``{"PK": ["a", "b"], "SK": "META", "a": "\\x7fbAAAA", "b": [1, "\\x7fi3689348814741910"]}``: these
  have escapes in them, at any depth: ``\\x7fb`` before bytes in base64, ``\\x7fi`` before a number,
  ``\\x7f`` before text that itself begins so.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import orjson

from dynamodbstore_table.checks import MAX_NUMBER, is_unicode
from dynamodbstore_table.errors import InvalidOps, TableError
from dynamodbstore_table.port import Item

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PLAIN = frozenset({str, int, bool, type(None)})
_ESCAPE = "\x7f"
_ESCAPED_START = b'{"PK":'
_MAX_DEPTH = 32
_INT64 = 2**63

_loads = orjson.loads
_dumps = orjson.dumps


class DamagedValue(Exception):
    """A stored form that was not written by ``encode``: something else has changed the file."""


def reading_stored(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let a function that reads stored forms raise ``DamagedValue`` for anything else."""

    @wraps(function)
    def read(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except TableError:
            raise  # some of them are ValueErrors, too
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise DamagedValue(f"an item in it can't be read: {error}") from error

    return read


def encode(item: Mapping[str, Any]) -> bytes:
    """The stored form. Raises ``InvalidOps`` for a value that the port doesn't know."""
    stored = dict(item)
    del stored["PK"]
    if _PLAIN.issuperset(map(type, stored.values())):
        try:
            return _dumps(stored)
        except TypeError:
            pass  # a number beyond 64 bits, or a fault that the slow way names
    elif (name := _only_bytes(stored)) is not None:
        text = b2a_base64(stored[name], newline=False).decode()
        try:
            return _dumps({"PK": name, **stored, name: text})
        except TypeError:
            pass
    try:
        return _dumps(_escaped(stored))
    except TypeError as error:
        raise InvalidOps(
            f"the item {item['PK']!r} {item['SK']!r} can't be stored: {error}"
        ) from None


@reading_stored
def decode(pk: str, body: bytes) -> Item:
    """The item of one row."""
    item: Item = _loads(body)
    _check_items([item])
    if "PK" in item:
        _unescape_attributes(item)
    item["PK"] = pk
    return item


@reading_stored
def decode_some(pk: str, body: bytes, attributes: Sequence[str]) -> Item:
    """The item of one row with only these of its attributes."""
    return restore(pk, [_loads(body)], attributes)[0]


def stored_bytes(body: bytes) -> int:
    """About the bytes of the item by DynamoDB's rules: base64 writes three bytes as four."""
    return len(body) * 3 // 4 if body.startswith(_ESCAPED_START) else len(body)


@reading_stored
def decode_partition(pk: str, bodies: bytes, attributes: Sequence[str] | None = None) -> list[Item]:
    """The items of one partition, from their stored forms joined by commas."""
    return restore(pk, _loads(b"[" + bodies + b"]"), attributes)


@reading_stored
def decode_partitions(pks: Sequence[str], partitions: bytes) -> list[list[Any]]:
    """The stored objects of several partitions, from an array of arrays; for ``restore``."""
    found: list[list[Any]] = _loads(partitions)
    if len(found) != len(pks):
        raise ValueError(f"{len(found)} partitions where {len(pks)} were read")
    return found


@reading_stored
def decode_rows(rows: Sequence[tuple[str, bytes]]) -> list[Item]:
    """The items of rows of (partition key, stored form)."""
    items: list[Item] = _loads(b"[" + b",".join([body for _, body in rows]) + b"]")
    _check_items(items)
    for (pk, _), item in zip(rows, items, strict=True):
        if "PK" in item:
            _unescape_attributes(item)
        item["PK"] = pk
    return items


@reading_stored
def decode_joined(pairs: bytes) -> list[Item]:
    """The items of rows joined by commas: partition key, stored form, and so on."""
    values: list[Any] = _loads(b"[" + pairs + b"]")
    items: list[Item] = values[1::2]
    _check_items(items)
    for pk, item in zip(values[::2], items, strict=True):
        if "PK" in item:
            _unescape_attributes(item)
        item["PK"] = pk
    return items


@reading_stored
def decode_numbered(pairs: bytes) -> list[tuple[int, Item]]:
    """Numbers with items that lack their partition key yet, joined by commas as above."""
    numbered = stored_numbered(pairs)
    for _, item in numbered:
        if "PK" in item:
            _unescape_attributes(item)
    return numbered


@reading_stored
def stored_numbered(pairs: bytes) -> list[tuple[int, Item]]:
    """Numbers with the stored objects of items, joined by commas as above; for ``restore``."""
    values: list[Any] = _loads(b"[" + pairs + b"]")
    items: list[Item] = values[1::2]
    _check_items(items)
    return list(zip(values[::2], items, strict=True))


@reading_stored
def decode_joins(groups: bytes, width: int) -> list[list[Any]]:
    """A list of places and ``width`` lists of items that lack their partition key yet, from groups
    of a place in a listing and ``width`` stored forms, joined by commas."""
    values: list[Any] = _loads(b"[" + groups + b"]")
    columns = [values[first :: width + 1] for first in range(width + 1)]
    for items in columns[1:]:
        _check_items(items)
        for item in items:
            if "PK" in item:
                _unescape_attributes(item)
                del item["PK"]
    return columns


@reading_stored
def restore(pk: str, items: list[Item], attributes: Sequence[str] | None) -> list[Item]:
    """The items of one partition, from their stored objects, which are changed in place."""
    _check_items(items)
    for item in items:
        if "PK" in item:
            name = item["PK"]
            if type(name) is str:
                item[name] = a2b_base64(item[name])
            else:
                _unescape_attributes(item)
        item["PK"] = pk
    if attributes is None:
        return items
    return [{name: item[name] for name in attributes if name in item} for item in items]


def listable(texts: Iterable[str]) -> bool:
    """Whether SQLite's JSON hands the texts through: it cuts one at U+0000, and knows no lone
    surrogates."""
    joined = "".join(texts)
    return "\0" not in joined and (joined.isascii() or is_unicode(joined))


def pick(item: Item, attributes: Sequence[str]) -> Item:
    """Only these attributes of an item."""
    return {name: item[name] for name in attributes if name in item}


def _check_items(items: Iterable[Item]) -> None:
    """Raise ``KeyError`` or ``TypeError`` for what is no item."""
    for item in items:
        item["SK"]


def _only_bytes(stored: Item) -> str | None:
    """The one attribute that is bytes, where the others are plain or lists of what is plain: the
    shape of what is written most, the open chunk of a metric."""
    found = None
    for name, value in stored.items():
        kind = type(value)
        if kind is bytes:
            if found is not None:
                return None
            found = name
        elif kind is list:
            if not _PLAIN.issuperset(map(type, value)):
                return None
        elif kind not in _PLAIN:
            return None
    return found


def _escaped(stored: Item) -> Item:
    escaped_names: list[str] = []
    values: Item = {"PK": escaped_names}
    for name, value in stored.items():
        # Text at the top is never listed, so it is never taken for an escape.
        if type(value) is str:
            values[name] = value
            continue
        escaped = _escape(value, name, 0)
        if escaped is not value:
            escaped_names.append(name)
        values[name] = escaped
    if not escaped_names:
        del values["PK"]
    elif len(escaped_names) == 1 and type(stored[escaped_names[0]]) is bytes:
        name = escaped_names[0]
        values["PK"] = name
        values[name] = values[name][2:]
    return values


def _escape(value: Any, name: str, depth: int) -> Any:
    """The value in JSON's types; the very same object if nothing in it needs an escape."""
    kind = type(value)
    if kind is str:
        return _ESCAPE + value if value.startswith(_ESCAPE) else value
    if kind is bytes:
        return f"{_ESCAPE}b{b2a_base64(value, newline=False).decode()}"
    if kind is int:
        if -_INT64 <= value < _INT64:
            return value
        if abs(value) >= MAX_NUMBER:
            raise InvalidOps(f"{name} = {value} has more than 38 digits")
        return f"{_ESCAPE}i{value}"
    if kind is bool or value is None:
        return value
    if depth >= _MAX_DEPTH:
        raise InvalidOps(f"{name} is nested deeper than {_MAX_DEPTH} levels")
    if kind is list:
        parts = [_escape(part, name, depth + 1) for part in value]
        return parts if any(a is not b for a, b in zip(parts, value, strict=True)) else value
    if kind is dict:
        entries = {key: _escape(part, name, depth + 1) for key, part in value.items()}
        return entries if any(entries[key] is not value[key] for key in value) else value
    raise InvalidOps(
        f"{name} = {value!r} is a {kind.__name__}: items hold text, whole numbers, bytes, "
        "true, false, null, lists and dicts"
    )


def _unescape_attributes(item: Item) -> None:
    names = item["PK"]
    if type(names) is str:
        item[names] = a2b_base64(item[names])
        return
    for name in names:
        item[name] = _unescape(item[name])


def _unescape(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        if not value.startswith(_ESCAPE):
            return value
        mark = value[1]
        if mark == "b":
            return a2b_base64(value[2:])
        return int(value[2:]) if mark == "i" else value[1:]
    if kind is list:
        return [_unescape(part) for part in value]
    if kind is dict:
        return {key: _unescape(part) for key, part in value.items()}
    return value
