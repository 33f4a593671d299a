"""Writing to traces: what changes META is conditional on the META that it was made from.

What a process wrote last of a trace it remembers, so that the next write of the same trace needs
no read; where another process has changed META meanwhile, the failed condition brings the item.
Spans and texts are written first, META last: no reader meets a promise without its spans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import META, trace_pk
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.conditions import ITEM_MISSING, Condition, Exists, both, either, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Item, Op, Put, Table
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.core.lookup import ExperimentLookup, Lookup
from mlflow_dynamodbstore.core.memory import Recent
from mlflow_dynamodbstore.core.retry import retried
from mlflow_dynamodbstore.traces.head import Head, expires, is_deleting
from mlflow_dynamodbstore.traces.spans import Digest

_REMEMBERED: Final = 4096
_REMEMBERED_SPANS: Final = 20_000
_TRACES_IN_ONE_WRITE: Final = 50
_MARGIN_DAYS: Final = 3


class Retention:
    """How long traces are kept, and so the form in which META and what is below it is written."""

    def __init__(self, experiments: ExperimentLookup, config: ConfigSource) -> None:
        self._experiments = experiments
        self._config = config

    def form(self, experiment: ExperimentState) -> Form:
        return Form(experiment.trace_shards, self._config.current().ttl.trace_retention_days)

    def form_of(self, head: Head) -> Form:
        return self.form(self._experiments.require(head.experiment_id))


@dataclass(frozen=True, slots=True)
class Form:
    """How METAs are written: the shards of their experiment, the days that traces are kept."""

    shards: int
    retention_days: int

    def ttl_below(self, time_ms: int) -> int | None:
        """When what lies below META expires (Unix seconds): some days after META, which so is
        never without it."""
        days = self.retention_days
        return expires(time_ms, days + _MARGIN_DAYS) if days else None


class Changed(Exception):
    """Another process has changed the trace meanwhile."""


def raise_missing(trace_id: str) -> NoReturn:
    """Raise what MLflow raises for a trace that is not there."""
    raise MlflowException(f"Trace with ID '{trace_id}' not found.", RESOURCE_DOES_NOT_EXIST)


class Heads:
    """META items of the traces of one scope: reading, remembering, and conditional writing.

    A trace belongs to the workspace of its experiment.
    """

    def __init__(self, table: Table, lookup: Lookup) -> None:
        self._table = table
        self._lookup = lookup
        self._known: Recent[str, Head] = Recent(_REMEMBERED)
        self._spans: Recent[str, tuple[int, tuple[Digest, ...]]] = Recent(_REMEMBERED_SPANS)

    def known(self, trace_id: str) -> Head | None:
        """META as this process last saw it, for a conditional write; None if it never did."""
        return self._known.get(trace_id)

    def read(self, trace_id: str) -> Head | None:
        """META now; None where it is missing, or the trace is being removed.

        Raises ``RESOURCE_DOES_NOT_EXIST`` for a trace of another workspace.
        """
        head = self.seen(trace_id, self._table.get((trace_pk(trace_id), META)))
        if head is not None and not self.owns(head):
            raise_missing(trace_id)
        return head

    def owns(self, head: Head) -> bool:
        """Whether the trace is not another workspace's."""
        shared = self._lookup.scope.shared
        return not shared or self._lookup.experiments.find(head.experiment_id) is not None

    def check(self, head: Head) -> None:
        """Raise ``RESOURCE_DOES_NOT_EXIST`` for a trace of another workspace."""
        if not self.owns(head):
            raise_missing(head.trace_id)

    def owned(self, trace_ids: Iterable[str]) -> list[str]:
        """Those of the traces that are not another workspace's; each exists where the table is
        shared."""
        wanted = list(trace_ids)
        if not self._lookup.scope.shared or not wanted:
            return wanted
        keys = {trace_id: (trace_pk(trace_id), META) for trace_id in wanted}
        found = self._table.batch_get(keys.values())
        heads = {t: self.seen(t, found.get(key)) for t, key in keys.items()}
        return [t for t in wanted if (head := heads[t]) is not None and self.owns(head)]

    def of_items(self, items: Iterable[Mapping[str, Any]]) -> Head | None:
        """The trace of a partition's items; None where it is not there, is being removed, or is
        another workspace's."""
        for item in items:
            if item["SK"] == META:
                head = None if is_deleting(item) else Head.from_item(item)
                return head if head is not None and self.owns(head) else None
        return None

    def require(self, trace_id: str) -> Head:
        """META now; raises ``RESOURCE_DOES_NOT_EXIST`` where it is missing."""
        head = self.read(trace_id)
        if head is None:
            raise_missing(trace_id)
        return head

    def read_many(self, trace_ids: Sequence[str]) -> dict[str, Head]:
        """The METAs that are there, by trace id.

        Raises ``RESOURCE_DOES_NOT_EXIST`` for a trace of another workspace.
        """
        if len(trace_ids) == 1:
            head = self.read(trace_ids[0])
            return {} if head is None else {trace_ids[0]: head}
        found = self._table.batch_get([(trace_pk(trace_id), META) for trace_id in trace_ids])
        heads = {
            trace_id: self.seen(trace_id, found.get((trace_pk(trace_id), META)))
            for trace_id in trace_ids
        }
        return {trace_id: head for trace_id, head in heads.items() if head is not None}

    def seen(self, trace_id: str, item: Item | None) -> Head | None:
        """Remember the META item that was read."""
        if item is None or is_deleting(item):
            self._known.forget(trace_id)
            return None
        head = Head.from_item(item)
        self._known.put(trace_id, head)
        return head

    def forget(self, trace_id: str) -> None:
        self._known.forget(trace_id)

    def spans(self, known: Head) -> tuple[Digest, ...] | None:
        """The digests of all spans of a trace as META ``known`` has it, if they are remembered."""
        found = self._spans.get(known.trace_id)
        return found[1] if found is not None and found[0] == known.change else None

    def remember_spans(self, head: Head, spans: Sequence[Digest]) -> None:
        """Remember the digests of all spans of a trace, as META ``head`` has it."""
        self._spans.put(head.trace_id, (head.change, tuple(spans)), size=len(spans))

    def change(
        self,
        trace_id: str,
        make: Callable[[Head | None], Head],
        form: Form,
        along: Callable[[], Sequence[Op]] = tuple,
    ) -> Head:
        """Write what ``make`` makes of META, again until no other process came between.

        The ops of ``along``, which has no conditions, are written in the same transaction.
        """

        def attempt() -> Head:
            known = self.known(trace_id)
            if known is not None:
                self.check(known)
            head = make(known)
            try:
                self._table.write(*along(), put(known, head, form))
            except ConditionFailed as failed:
                met = failed.item
                self.seen(trace_id, None if met is None else dict(met))
                raise Changed from failed
            self._known.put(trace_id, head)
            # A change that brings no spans leaves the stamp as it is.
            if known is not None and known.stamp == head.stamp:
                spans = self.spans(known)
                if spans is not None:
                    self.remember_spans(head, spans)
            return head

        return retried(f"trace {trace_id}", attempt, on=(Changed,))

    def written(self, head: Head) -> None:
        """Remember what this process has written."""
        self._known.put(head.trace_id, head)


def put(known: Head | None, head: Head, form: Form) -> Put:
    """The op that replaces the META ``known`` (None: creates it)."""
    condition: Condition = either(ITEM_MISSING, Exists(DELETING))
    if known is not None:
        condition = both(equals("change", known.change), equals("stamp", known.stamp))
    return Put(head.to_item(form.shards, form.retention_days), condition)


def in_writes(ops_by_trace: Sequence[Sequence[Op]]) -> list[list[Op]]:
    """The ops of many traces in as few transactions as hold them, a trace's together."""
    writes: list[list[Op]] = []
    for first in range(0, len(ops_by_trace), _TRACES_IN_ONE_WRITE):
        chunk = ops_by_trace[first : first + _TRACES_IN_ONE_WRITE]
        writes.append([op for ops in chunk for op in ops])
    return writes
