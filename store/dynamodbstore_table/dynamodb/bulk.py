"""Bulk writes: batches of 25 puts and deletes, and updates, side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key

from dynamodbstore_table.checks import check_bulk_op
from dynamodbstore_table.dynamodb.client import Client
from dynamodbstore_table.dynamodb.codec import encode_item, encode_key
from dynamodbstore_table.dynamodb.workers import Workers
from dynamodbstore_table.dynamodb.writes import events_of, write_one
from dynamodbstore_table.errors import ConditionFailed, TableError, Throttled
from dynamodbstore_table.port import Delete, Put, Update

OPS_A_BATCH = 25
_OPS_A_WINDOW = 5000

BulkOp: TypeAlias = Put | Update | Delete
Numbered: TypeAlias = tuple[int, BulkOp]
Element = TypeVar("Element")


class Bulk:
    """One bulk call: what failed so far, and the events of what it has done or may have done."""

    def __init__(self, client: Client, workers: Workers) -> None:
        self.events: list[ChangeEvent] = []
        self._client = client
        self._workers = workers
        self._failures: dict[int, Mapping[str, Any] | None] = {}
        self._errors: list[TableError] = []

    def do(self, ops: Iterable[BulkOp]) -> None:
        """Do the ops, each for itself, in windows that bound the memory that a long stream takes.

        Raises the first error other than a failed condition after the window that it happened in.
        """
        for window in _chunks(enumerate(ops), _OPS_A_WINDOW):
            for _, op in window:
                check_bulk_op(op)
            for wave in waves(window):
                self._do_wave(wave)
            if self._errors:
                raise self._errors[0]
        if self._failures:
            raise ConditionFailed(dict(sorted(self._failures.items())))

    def _do_wave(self, wave: Sequence[Numbered]) -> None:
        updates = [numbered for numbered in wave if isinstance(numbered[1], Update)]
        others = [op for _, op in wave if isinstance(op, Put | Delete)]
        batches = list(_chunks(others, OPS_A_BATCH))
        tasks: list[Sequence[Put | Delete] | Numbered] = [*batches, *updates]
        self._workers.map(self._do_task, tasks)

    def _do_task(self, task: Sequence[Put | Delete] | Numbered) -> None:
        try:
            if isinstance(task, tuple):
                self.events += write_one(self._client, task[1])
            else:
                self.events += _write_batch(self._client, task)
        except TableError as error:
            ops = [task[1]] if isinstance(task, tuple) else task
            if error.in_doubt:
                self.events += events_of(ops)
            if isinstance(error, ConditionFailed) and isinstance(task, tuple):
                self._failures[task[0]] = error.item
            else:
                self._errors.append(error)


def waves(ops: Iterable[Numbered]) -> list[list[Numbered]]:
    """The ops in groups to be done one after the other, with no key twice in any of them.

    The ops of one key stay in order, less puts and deletes that the next one undoes.
    """
    groups: list[list[Numbered]] = []
    of_key: dict[Key, list[Numbered]] = {}
    for position, op in ops:
        chain = of_key.setdefault(op.key, [])
        if not isinstance(op, Update):
            while chain and not isinstance(chain[-1][1], Update):
                chain.pop()
        chain.append((position, op))
    for chain in of_key.values():
        for depth, numbered in enumerate(chain):
            if depth == len(groups):
                groups.append([])
            groups[depth].append(numbered)
    return groups


def _write_batch(client: Client, ops: Sequence[Put | Delete]) -> list[ChangeEvent]:
    """Do the ops of one batch; an error is in doubt too where some of them were processed."""
    pending: list[dict[str, Any]] = [
        {"PutRequest": {"Item": encode_item(op.item)}}
        if isinstance(op, Put)
        else {"DeleteRequest": {"Key": encode_key(op.key)}}
        for op in ops
    ]
    delays = client.backoff.delays()
    on_pause = client.on_pause("batch_write_item")
    lost = client.lost_answers
    attempt = 0
    try:
        while True:
            attempt += 1
            answer = client.send("batch_write_item", RequestItems={client.table: pending})
            unprocessed = answer.get("UnprocessedItems", {}).get(client.table) or []
            if not unprocessed:
                return events_of(ops)
            if len(unprocessed) < len(pending):
                delays = client.backoff.delays()
            pending = unprocessed
            pause = next(delays, None)
            if pause is None:
                raise Throttled(f"{len(pending)} ops of a batch were left unprocessed")
            on_pause("Unprocessed", attempt, pause)
            time.sleep(pause)
    except TableError as error:
        error.in_doubt = len(pending) < len(ops) or client.lost_answers > lost
        raise


def _chunks(elements: Iterable[Element], size: int) -> Iterator[list[Element]]:
    remaining = iter(elements)
    while chunk := list(islice(remaining, size)):
        yield chunk
