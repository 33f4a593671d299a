"""Single writes and transactions, on which an expired item counts as no item."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from dynamodbstore_events.change import ChangeEvent

from dynamodbstore_table.apply import allowed, expired, updated
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.dynamodb.client import Client
from dynamodbstore_table.dynamodb.codec import decode_item, encode_item, encode_key
from dynamodbstore_table.dynamodb.expressions import (
    Expressions,
    compile_alive,
    compile_expired,
    compile_guard,
    compile_update,
)
from dynamodbstore_table.dynamodb.reads import get_item
from dynamodbstore_table.errors import ConditionFailed, Throttled, TransactionConflict
from dynamodbstore_table.port import Check, Delete, Op, Put, Update

_KINDS: Mapping[type, str] = {
    Put: "Put",
    Update: "Update",
    Delete: "Delete",
    Check: "ConditionCheck",
}
_METHODS = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}


def write_one(client: Client, op: Op) -> list[ChangeEvent]:
    """Do one op as one plain request (two where an update meets an expired item)."""
    if isinstance(op, Check):
        found = get_item(client, op.key, True, None)
        if not allowed(op, found):
            raise ConditionFailed({0: found})
        return []
    afresh: frozenset[int] = frozenset()
    for _ in range(client.backoff.attempts):
        now = int(time.time())
        kind, parameters = _request(op, now, 0 in afresh)
        try:
            answer = client.call(_METHODS[kind], ReturnValues="ALL_OLD", **parameters)
        except ConditionFailed as failed:
            if _already_done(op, failed):
                return [_event(op, None)]
            afresh = _to_do_afresh([op], failed.failures, afresh, now)
        else:
            old = answer.get("Attributes")
            return [_event(op, decode_item(old) if old else None)]
    raise _moving(op)


def write_all(client: Client, ops: Sequence[Op]) -> list[ChangeEvent]:
    """Do all of the ops in one transaction, or none of them."""
    afresh: frozenset[int] = frozenset()
    for _ in range(client.backoff.attempts):
        now = int(time.time())
        requests = [_request(op, now, position in afresh) for position, op in enumerate(ops)]
        entries = [{kind: {"TableName": client.table, **of_op}} for kind, of_op in requests]
        try:
            transact(client, entries)
        except ConditionFailed as failed:
            afresh = _to_do_afresh(ops, failed.failures, afresh, now)
        else:
            return [_event(op, None) for op in ops if not isinstance(op, Check)]
    raise _moving(ops[min(afresh)])


def transact(client: Client, entries: Sequence[Mapping[str, Any]]) -> None:
    """Send one transaction, as a new one each time that it was cancelled for load or conflict.

    The token lets the SDK repeat a request whose answer was lost without doing it twice.
    """
    client.backoff.retry(
        lambda: client.attempt(
            "transact_write_items",
            TransactItems=entries,
            ClientRequestToken=uuid.uuid4().hex,
        ),
        (Throttled, TransactionConflict),
        client.on_pause("transact_write_items"),
    )


def _request(op: Op, now: int, afresh: bool) -> tuple[str, dict[str, Any]]:
    """The kind and the parameters of an op; an update done ``afresh`` is a put in an expired
    item's place."""
    to = Expressions()
    parameters: dict[str, Any] = {}
    guard: str | None = None
    match op:
        case Put(item, condition):
            parameters["Item"] = encode_item(item)
            guard = _guard(condition, now, to)
        case Update() if afresh:
            parameters["Item"] = encode_item(updated(op, None))
            guard = compile_expired(now, to)
        case Update(key):
            parameters["Key"] = encode_key(key)
            parameters["UpdateExpression"] = compile_update(op, to)
            guard = compile_alive(op.condition, now, to)
        case Delete(key, condition):
            parameters["Key"] = encode_key(key)
            guard = _guard(condition, now, to)
        case Check(key, condition):
            parameters["Key"] = encode_key(key)
            guard = _guard(condition, now, to)
    if guard is not None:
        parameters["ConditionExpression"] = guard
        parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return "Put" if afresh else _KINDS[type(op)], parameters | to.parameters()


def _guard(condition: Condition | None, now: int, to: Expressions) -> str | None:
    return None if condition is None else compile_guard(condition, now, to)


def _to_do_afresh(
    ops: Sequence[Op],
    failures: Mapping[int, Mapping[str, Any] | None],
    afresh: frozenset[int],
    now: int,
) -> frozenset[int]:
    """The updates to do in place of expired items, after a write failed on these conditions.

    Raises ``ConditionFailed`` if one of them failed on more than that.
    """
    real: dict[int, Mapping[str, Any] | None] = {}
    for position, found in failures.items():
        op = ops[position]
        there = None if found is None or expired(found, now) else found
        if position in afresh:
            # Someone was quicker, or the engine has removed the expired item.
            afresh -= {position}
        elif isinstance(op, Update) and there is not found and allowed(op, None):
            afresh |= {position}
        else:
            real[position] = there
    if real:
        raise ConditionFailed(real)
    return afresh


def _already_done(op: Op, failed: ConditionFailed) -> bool:
    """Whether a put met itself: its first answer was lost, and the SDK repeated it."""
    return isinstance(op, Put) and failed.repeated and failed.item == op.item


def _event(op: Op, old: Mapping[str, Any] | None) -> ChangeEvent:
    pk, sk = op.key
    return ChangeEvent(pk, sk, old, removed=isinstance(op, Delete))


def _moving(op: Op) -> TransactionConflict:
    return TransactionConflict(f"{op.key!r} expires and comes back faster than it can be updated")
