"""What an op may hold: the rules that DynamoDB would refuse only after a request, or half way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dynamodbstore_table.conditions import (
    BeginsWith,
    Both,
    Compare,
    Condition,
    Contains,
    Either,
    Exists,
    IsMap,
    Length,
    Missing,
    Not,
    OneOf,
)
from dynamodbstore_table.errors import InvalidOps, ItemTooLarge
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.op_rules import MAX_NUMBER, check_index_keys, check_op, check_ops
from dynamodbstore_table.port import MAX_ITEM_BYTES, Delete, Item, Op, Put, Update

MAX_CHOICES = 100
MAX_DEPTH = 32
MAX_EXPRESSION_BYTES = 4096

# What one change costs in an update expression, at most: "#123=:123,", "#123,", "#123 :123,",
# "#123=list_append(if_not_exists(#123,:124),:123)," and "#123=if_not_exists(#123,:123),".
_SET_BYTES, _REMOVE_BYTES, _ADD_BYTES, _APPEND_BYTES, _DEFAULT_BYTES = 10, 5, 10, 48, 30
_CLAUSES_BYTES = 16

_PLAIN = frozenset({str, bytes, bool, type(None)})
_ALWAYS_VALID = frozenset({Exists, Missing, Compare, BeginsWith, Contains, Length, IsMap})


def check_write(ops: Sequence[Op]) -> None:
    """Check the ops of one ``write``, together and each for itself.

    Raises ``InvalidOps``, or ``ItemTooLarge`` for an op that brings more than 400 KB.
    """
    check_ops(ops)
    for op in ops:
        check_content(op)


def check_bulk_op(op: Put | Update | Delete) -> None:
    """Check an op of a ``bulk``: conditions on updates only; raises as ``check_write``."""
    if op.condition is not None and not isinstance(op, Update):
        raise InvalidOps("in a bulk only updates may carry conditions", (op,))
    check_op(op)
    check_content(op)


def check_content(op: Op) -> None:
    """Check the values, the size and the condition of an op whose key is in order."""
    match op:
        case Put(item):
            check_item(item)
        case Update():
            _check_update(op)
    if op.condition is not None:
        check_condition(op.condition)


def check_item(item: Item) -> None:
    """Check an item's values and its size; raises as ``check_write``."""
    _check_values(item)
    _check_size(item, f"the item {item['PK']!r} {item['SK']!r}")


def check_condition(condition: Condition, depth: int = 0) -> None:
    """Check that every engine can evaluate a condition; raises ``InvalidOps``."""
    if depth > MAX_DEPTH:
        raise InvalidOps(f"a condition is nested deeper than {MAX_DEPTH} levels")
    if type(condition) in _ALWAYS_VALID:
        return
    if isinstance(condition, (Both, Either)):
        for inner in condition.conditions:
            if depth == MAX_DEPTH or type(inner) not in _ALWAYS_VALID:
                check_condition(inner, depth + 1)
    elif isinstance(condition, Not):
        check_condition(condition.condition, depth + 1)
    elif isinstance(condition, OneOf) and len(condition.values) > MAX_CHOICES:
        raise InvalidOps(
            f"{condition.name} can be one of {MAX_CHOICES} values, not of {len(condition.values)}"
        )


def check_update_length(op: Update) -> None:
    """Check that an update changes something, and fits DynamoDB's expression of 4 KB."""
    length = (
        _SET_BYTES * len(op.set)
        + _REMOVE_BYTES * len(op.remove)
        + _ADD_BYTES * len(op.add)
        + _APPEND_BYTES * len(op.append)
        + _DEFAULT_BYTES * len(op.default)
    )
    if length == 0:
        raise InvalidOps(f"the update of {op.key!r} changes nothing", (op,))
    if length > MAX_EXPRESSION_BYTES - _CLAUSES_BYTES:
        raise InvalidOps(f"the update of {op.key!r} changes too many attributes at once", (op,))


def _check_update(op: Update) -> None:
    check_update_length(op)
    _check_values(op.set)
    for name, amount in op.add.items():
        if type(amount) is not int:
            raise InvalidOps(f"can't add {amount!r} to {name}: not a whole number", (op,))
    for name, values in op.append.items():
        if type(values) is not list:
            raise InvalidOps(f"can't append {values!r} to {name}: not a list", (op,))
    _check_values(op.add)
    _check_values(op.append)
    _check_values(op.default)
    _check_size({**op.set, **op.append}, f"the update of {op.key!r}")


def _check_values(attributes: Mapping[str, Any]) -> None:
    check_index_keys(attributes)
    for name, value in attributes.items():
        if type(value) not in _PLAIN:
            _check_value(name, value, 0)


def _check_value(name: str, value: Any, depth: int) -> None:
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is int:
        if abs(value) >= MAX_NUMBER:
            raise InvalidOps(f"{name} = {value} has more than 38 digits")
    elif depth >= MAX_DEPTH:
        raise InvalidOps(f"{name} is nested deeper than {MAX_DEPTH} levels")
    elif kind is list:
        for part in value:
            _check_value(name, part, depth + 1)
    elif kind is dict:
        for key, part in value.items():
            if type(key) is not str:
                raise InvalidOps(f"{name} holds a dict with the key {key!r}, which is not text")
            _check_value(name, part, depth + 1)
    else:
        raise InvalidOps(
            f"{name} = {value!r} is a {kind.__name__}: items hold text, whole numbers, bytes, "
            "true, false, null, lists and dicts"
        )


def _check_size(attributes: Mapping[str, Any], what: str) -> None:
    try:
        size = item_size(attributes)
    except UnicodeEncodeError as error:
        raise InvalidOps(f"{what} holds text that is not valid Unicode: {error}") from None
    if size > MAX_ITEM_BYTES:
        raise ItemTooLarge(f"{what} has {size:,} bytes, at most {MAX_ITEM_BYTES:,} are allowed")
