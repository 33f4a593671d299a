"""Single writes and transactions, on which an expired item counts as no item."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dynamodbstore_events.change import ChangeEvent

from dynamodbstore_table.apply import allowed, expired, updated
from dynamodbstore_table.conditions import ITEM_MISSING, Condition
from dynamodbstore_table.dynamodb.client import Client
from dynamodbstore_table.dynamodb.codec import decode_item, encode_item, encode_key
from dynamodbstore_table.dynamodb.expressions import (
    Expressions,
    compile_alive,
    compile_expired,
    compile_guard,
    compile_update,
)
from dynamodbstore_table.dynamodb.lost_answers import already_done
from dynamodbstore_table.dynamodb.reads import get_item
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
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
        lost = client.lost_answers
        try:
            answer = client.call(_METHODS[kind], ReturnValues="ALL_OLD", **parameters)
        except ConditionFailed as failed:
            if failed.in_doubt and already_done(_as_sent(op, 0 in afresh), failed.item):
                return [_event(op, None)]
            afresh = _to_do_afresh([op], failed, afresh, now)
        else:
            # After a lost answer the old item may be the one that the op itself has made.
            old = answer.get("Attributes") if client.lost_answers == lost else None
            return [_event(op, decode_item(old) if old else None)]
    raise _moving(op)


def write_all(client: Client, ops: Sequence[Op]) -> list[ChangeEvent]:
    """Do all of the ops in one transaction, or no op at all."""
    afresh: frozenset[int] = frozenset()
    for _ in range(client.backoff.attempts):
        now = int(time.time())
        requests = [_request(op, now, position in afresh) for position, op in enumerate(ops)]
        entries = [{kind: {"TableName": client.table, **of_op}} for kind, of_op in requests]
        try:
            transact(client, entries)
        except ConditionFailed as failed:
            afresh = _to_do_afresh(ops, failed, afresh, now)
        else:
            return events_of(ops)
    raise _moving(ops[min(afresh)])


def events_of(ops: Iterable[Op]) -> list[ChangeEvent]:
    """The events of ops that were done, or may have been: without the items that were there."""
    return [_event(op, None) for op in ops if not isinstance(op, Check)]


def transact(client: Client, entries: Sequence[Mapping[str, Any]]) -> None:
    """Send one transaction, as a new one each time that it was cancelled for load or conflict.

    One whose answer was lost is sent again with its token, by which the engine knows it: it is
    done once, and what the engine answers at last is the truth about it.
    """
    lost = client.lost_answers
    token = ""

    def attempt() -> dict[str, Any]:
        nonlocal token
        if client.lost_answers == lost:
            token = uuid.uuid4().hex
        return client.attempt(
            "transact_write_items", TransactItems=entries, ClientRequestToken=token
        )

    client.repeat("transact_write_items", attempt)


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


def _as_sent(op: Put | Update | Delete, afresh: bool) -> Put | Update | Delete:
    """The op, or the put in an expired item's place that it was sent as."""
    if afresh and isinstance(op, Update):
        return Put(updated(op, None), condition=ITEM_MISSING)
    return op


def _guard(condition: Condition | None, now: int, to: Expressions) -> str | None:
    return None if condition is None else compile_guard(condition, now, to)


def _to_do_afresh(
    ops: Sequence[Op],
    failed: ConditionFailed,
    afresh: frozenset[int],
    now: int,
) -> frozenset[int]:
    """The updates to do in place of expired items, after a write failed on these conditions.

    Raises ``ConditionFailed``, as much in doubt, if one of them failed on more than that.
    """
    real: dict[int, Mapping[str, Any] | None] = {}
    for position, found in failed.failures.items():
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
        refused = ConditionFailed(real)
        refused.in_doubt = failed.in_doubt
        raise refused
    return afresh


def _event(op: Op, old: Mapping[str, Any] | None) -> ChangeEvent:
    pk, sk = op.key
    return ChangeEvent(pk, sk, old, removed=isinstance(op, Delete))


def _moving(op: Op) -> TransactionConflict:
    return TransactionConflict(f"{op.key!r} expires and comes back faster than it can be updated")
