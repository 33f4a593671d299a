"""What a write may hold, on every engine: checked before it is sent, as DynamoDB would refuse it
only after a request, or half way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dynamodbstore_events.keys import Key

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
from dynamodbstore_table.port import (
    MAX_ITEM_BYTES,
    MAX_OPS,
    Advances,
    Delete,
    Item,
    Op,
    Put,
    Update,
)

MAX_PK_BYTES = 2048
MAX_SK_BYTES = 1024
MAX_NUMBER = 10**38

_INDEX_KEYS = (
    ("gsi1pk", MAX_PK_BYTES),
    ("gsi1sk", MAX_SK_BYTES),
    ("gsi2pk", MAX_PK_BYTES),
    ("gsi2sk", MAX_SK_BYTES),
)
INDEXED: Final = frozenset({"ttl", *(name for name, _ in _INDEX_KEYS)})
"""The attributes that put an item into an index, or let it expire."""

_NEVER_ADVANCED: Final = INDEXED | {"PK", "SK"}

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


def single_ops(ops: Sequence[Op | Advances]) -> Sequence[Op]:
    """The ops of one ``write``, with the updates of ``Advances``; raises as ``check_advances``."""
    singles: list[Op] = []
    for op in ops:
        if isinstance(op, Advances):
            check_advances(op)
            singles += op
        else:
            singles.append(op)
    return singles


def check_advances(ops: Advances) -> None:
    """Check updates that are given as columns, all at once.

    Raises ``InvalidOps`` for a wrong key, one that is there twice, columns that are not of one
    length, or names that no update could change together.
    """
    names = {ops.mark, ops.values_in, ops.drop, ops.once}
    if len(names) < 4 or not _NEVER_ADVANCED.isdisjoint(names):
        raise InvalidOps(
            f"advances can't change {ops.mark!r}, {ops.values_in!r}, {ops.drop!r} and "
            f"{ops.once!r}: these must be four attributes, and neither keys nor the time to live"
        )
    if not len(ops.sks) == len(ops.marks) == len(ops.values) == len(ops.defaults):
        raise InvalidOps(
            f"{len(ops.sks)} items can't get {len(ops.marks)} marks, {len(ops.values)} values and "
            f"{len(ops.defaults)} defaults"
        )
    check_keys(ops.pk, ops.sks)
    if len(set(ops.sks)) < len(ops.sks):
        raise InvalidOps("advances may name a key only once")


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


def check_ops(ops: Sequence[Op]) -> list[Key]:
    """The ops' keys; raises ``InvalidOps`` unless there are 1 to 100, each on a valid key of its
    own."""
    if not 1 <= len(ops) <= MAX_OPS:
        raise InvalidOps(f"a write takes 1 to {MAX_OPS} ops, not {len(ops)}", ops)
    keys = [check_op(op) for op in ops]
    if len(keys) > 1 and len(set(keys)) < len(keys):
        raise InvalidOps("a write may name a key only once", ops)
    return keys


def check_op(op: Op) -> Key:
    """The op's key; raises ``InvalidOps`` unless it is valid and, in an update, left alone."""
    try:
        key = op.key
    except KeyError as error:
        raise InvalidOps(f"an item needs the attribute {error}", (op,)) from None
    check_key(*key)
    if type(op) is Update:
        _check_names(op)
    return key


def check_key(pk: Any, sk: Any) -> None:
    """Raise ``InvalidOps`` unless both are text, not empty, within 2,048 and 1,024 bytes."""
    plain = type(pk) is str and type(sk) is str and pk.isascii() and sk.isascii()
    if plain and 0 < len(pk) <= MAX_PK_BYTES and 0 < len(sk) <= MAX_SK_BYTES:
        return  # as most do
    check_key_part("PK", pk, MAX_PK_BYTES)
    check_key_part("SK", sk, MAX_SK_BYTES)


def check_index_keys(item: Mapping[str, Any]) -> None:
    """Raise ``InvalidOps`` if the item has an index key, or a ``ttl``, that is not one."""
    for name, most in _INDEX_KEYS:
        if name in item:
            check_key_part(name, item[name], most)
    if "ttl" in item and type(item["ttl"]) is not int:
        raise InvalidOps(f"ttl must be Unix seconds as an int, not {item['ttl']!r}")


def check_keys(pk: Any, sks: Sequence[Any]) -> None:
    """``check_key`` of many keys of one partition, in a fifth of its time where all are usual."""
    if {str}.issuperset(map(type, sks)) and "".join(sks).isascii():
        lengths = set(map(len, sks))
        if lengths and 0 not in lengths and max(lengths) <= MAX_SK_BYTES:
            check_key(pk, sks[0])
            return
    for sk in sks:
        check_key(pk, sk)


def check_key_part(name: str, value: Any, most: int) -> None:
    """Raise ``InvalidOps`` unless ``value`` is text of 1 to ``most`` bytes of UTF-8."""
    if not isinstance(value, str):
        raise InvalidOps(f"{name} must be text, not {value!r}")
    if not value:
        raise InvalidOps(f"{name} must not be empty")
    if len(value) * 4 > most or not value.isascii():
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise InvalidOps(f"{name} is not valid Unicode text: {value[:50]!r}") from None
        if size > most:
            raise InvalidOps(f"{name} has {size} bytes, at most {most} are allowed")


def is_unicode(text: str) -> bool:
    """Whether an engine can hold the text: Python and JSON know lone surrogates, no engine does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_names(op: Update) -> None:
    parts = (op.set, op.remove, op.add, op.append, op.default)
    names = set().union(*parts)
    if len(names) < sum(map(len, parts)):
        raise InvalidOps("an update may name an attribute only once", (op,))
    if "PK" in names or "SK" in names:
        raise InvalidOps("an update can't change PK or SK", (op,))


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
