"""Traces: start, log spans, read, tag."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from dynamodbstore_events.keys import INFO, spans_pk, trace_pk
from dynamodbstore_table.conditions import Exists, either
from dynamodbstore_table.errors import ConditionFailed, ItemTooLarge, TransactionConflict
from dynamodbstore_table.port import Item, Table, Update, now_ms
from mlflow.entities import Span, Trace, TraceData, TraceInfo
from mlflow.entities.span import LazySpan
from mlflow.exceptions import MlflowException, MlflowTracingException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.tracing.constant import TraceMetadataKey, TraceSizeStatsKey, TraceTagKey
from mlflow.utils.validation import _parse_experiment_id, _validate_trace_tag

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.core.lookup import ExperimentLookup
from mlflow_dynamodbstore.traces.attributes import (
    write_texts,
)
from mlflow_dynamodbstore.traces.batches import TraceSpans, by_trace
from mlflow_dynamodbstore.traces.entity import (
    SPAN_TAG,
    TAG,
    trace_info_of,
)
from mlflow_dynamodbstore.traces.head import (
    HEAD_TAGS,
    TRACKING_STORE,
    Head,
    head_texts,
    require_spans_here,
    with_field,
    without_texts,
)
from mlflow_dynamodbstore.traces.info_texts import InfoTexts
from mlflow_dynamodbstore.traces.limits import checked_name
from mlflow_dynamodbstore.traces.merging import TraceMerging
from mlflow_dynamodbstore.traces.span_write import SpanWrite
from mlflow_dynamodbstore.traces.spans import span_texts
from mlflow_dynamodbstore.traces.writing import (
    Form,
    Heads,
    Retention,
    in_writes,
    raise_missing,
)

_WAITS_SECONDS: Final = (1.0, 2.0)


class Traces:
    """Traces in the experiments of one scope."""

    def __init__(
        self,
        table: Table,
        experiments: ExperimentLookup,
        heads: Heads,
        infos: InfoTexts,
        retention: Retention,
        merging: TraceMerging,
    ) -> None:
        self._table = table
        self._experiments = experiments
        self._heads = heads
        self._infos = infos
        self._retention = retention
        self._merging = merging

    # Writing

    def start_trace(self, trace_info: TraceInfo) -> TraceInfo:
        """End a trace: keep what the client reports of it, whatever its spans hold.

        A trace that is there already is merged with, and moved to the experiment that
        ``trace_info`` names. Returns the trace as it is then. Raises ``RESOURCE_DOES_NOT_EXIST``
        and ``INVALID_PARAMETER_VALUE`` for a missing or deleted experiment, and
        ``INVALID_STATE`` for a trace whose spans are kept elsewhere.
        """
        return self._merging.merge(trace_info, final=True)

    def log_spans(
        self, location: str, spans: list[Span], tracking_uri: str | None = None
    ) -> list[Span]:
        """Keep spans, which may be of many traces; a trace that is not there is made in the
        experiment ``location``.

        A span that is logged again replaces the one before. Every trace is checked before
        anything is written. Raises ``RESOURCE_DOES_NOT_EXIST`` for a missing experiment, and
        ``INVALID_STATE`` for a trace whose spans are kept elsewhere.
        """
        if not spans:
            return []
        traces = by_trace(spans)
        known = self._known([trace.trace_id for trace in traces])
        for head in known.values():
            require_spans_here(head)
        home = self._home(location, [t.trace_id for t in traces if t.trace_id not in known], known)
        places = [self._place(trace, known, home) for trace in traces]
        writes = [
            SpanWrite(self._table, self._heads, self._infos, trace, *place)
            for trace, place in zip(traces, places, strict=True)
        ]
        now = now_ms(self._table)
        writes = [write for write in writes if not write.has_expired(now)]
        if len(writes) == 1:
            writes[0].write(now)
            return spans
        self._table.bulk([op for write in writes for op in write.span_ops(now)])
        self._finish_together(writes)
        return spans

    def _home(
        self, location: str, unknown: list[str], known: dict[str, Head]
    ) -> ExperimentState | None:
        """Where the traces that are not there are made; adds to ``known`` what was read."""
        if not unknown:
            return None
        try:
            return self._experiments.require(str(_parse_experiment_id(location)))
        except MlflowException:
            # A trace that is there stays in its own experiment, whatever ``location`` is.
            found = self._heads.read_many(unknown)
            if len(found) < len(unknown):
                raise
            known.update(found)
            return None

    def _known(self, trace_ids: list[str]) -> dict[str, Head]:
        """The METAs of the traces, as they are remembered or as they are now."""
        known = {t: head for t in trace_ids if (head := self._heads.known(t)) is not None}
        if len(trace_ids) == 1:
            return known
        return {**known, **self._heads.read_many([t for t in trace_ids if t not in known])}

    def _place(
        self, trace: TraceSpans, known: dict[str, Head], home: ExperimentState | None
    ) -> tuple[ExperimentState, Form]:
        head = known.get(trace.trace_id)
        experiment = home if head is None else self._experiments.find(head.experiment_id)
        if experiment is None:
            assert head is not None
            experiment = self._experiments.require(head.experiment_id)
        return experiment, self._retention.form(experiment)

    def _finish_together(self, writes: Sequence[SpanWrite]) -> None:
        """Each trace's texts and META, many traces in a transaction; those that others change
        meanwhile one by one."""
        planned = [write.last_ops() for write in writes]
        done = 0
        for ops in in_writes(planned):
            try:
                self._table.write(*ops)
            except (ConditionFailed, TransactionConflict, ItemTooLarge):
                for write in writes[done : done + 50]:
                    write.finish()
            else:
                for write in writes[done : done + 50]:
                    write.remember()
            done += 50

    def set_trace_tag(self, trace_id: str, key: str, value: str) -> None:
        """Set a tag of a trace; values are cut to 8,000 characters.

        Raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such trace.
        """
        key, value = _validate_trace_tag(key, value)
        if key == TraceTagKey.TRACE_NAME:
            checked_name(value)
        head = self._heads.require(trace_id)
        if key in HEAD_TAGS:
            self._change_head(head, lambda known: with_field(known, HEAD_TAGS[key], value))
            return
        ttl = self._retention.form_of(head).ttl_below(head.time)
        write_texts(self._table, (trace_pk(trace_id), INFO), {TAG + key: value}, ttl=ttl)

    def delete_trace_tag(self, trace_id: str, key: str) -> None:
        """Remove a tag of a trace; raises ``RESOURCE_DOES_NOT_EXIST`` if it has no tag with that
        key."""
        head = self._heads.require(trace_id)
        if key in HEAD_TAGS:
            if getattr(head, HEAD_TAGS[key]) is None:
                _raise_tag_missing(trace_id, key)
            self._change_head(head, lambda known: with_field(known, HEAD_TAGS[key], None))
            return
        pk, names = trace_pk(trace_id), (TAG + key, SPAN_TAG + key)
        on_head = names[1] in head_texts(head)
        if on_head:
            self._change_head(head, lambda known: without_texts(known, names))
        try:
            self._table.write(
                Update(
                    (pk, INFO),
                    remove=names,
                    add={"n": 1},
                    condition=either(*(Exists(name) for name in names)),
                )
            )
        except ConditionFailed:
            if not on_head:
                _raise_tag_missing(trace_id, key)

    def _change_head(self, head: Head, change: Callable[[Head], Head]) -> None:
        def make(known: Head | None) -> Head:
            if known is None:
                raise_missing(head.trace_id)
            return change(known)

        self._heads.change(head.trace_id, make, self._retention.form_of(head))

    # Reading

    def get_trace_info(self, trace_id: str) -> TraceInfo:
        """A trace without its spans; raises ``RESOURCE_DOES_NOT_EXIST`` if it is missing."""
        info = self._info(self._items(trace_id))
        if info is None:
            raise_missing(trace_id)
        return info

    def get_trace(self, trace_id: str, *, allow_partial: bool = False) -> Trace:
        """A trace with its spans, roots first, then by start.

        Where the client reports how many spans there are and fewer are stored, this waits for 1 and
        then 2 seconds. Raises ``RESOURCE_DOES_NOT_EXIST`` for no trace or one that is still not
        whole, and ``MlflowTracingException`` where the spans are artifacts.
        """
        for wait in (*_WAITS_SECONDS, None):
            info = self._info(self._items(trace_id))
            if info is None:
                raise MlflowException(
                    f"Trace with ID {trace_id} is not found.", RESOURCE_DOES_NOT_EXIST
                )
            spans = self._spans(info)
            if allow_partial or (spans and len(spans) >= _expected(info)):
                return Trace(info=info, data=TraceData(spans=spans))
            if wait is not None:
                time.sleep(wait)
        raise MlflowException(
            f"Trace with ID {trace_id} is not fully exported yet, please try again later.",
            RESOURCE_DOES_NOT_EXIST,
        )

    def batch_get_traces(
        self,
        trace_ids: list[str],
        location: str | None = None,
        experiment_ids: list[str] | None = None,
    ) -> list[Trace]:
        """Those of the traces that are there and whole, in the order of their last mention."""
        infos = self.batch_get_trace_infos(trace_ids, location, experiment_ids)
        for info in infos:
            _require_stored_here(info)
        found = self._table.partitions([spans_pk(info.trace_id) for info in infos])
        traces = []
        for info in infos:
            spans = _entities(found[spans_pk(info.trace_id)])
            if spans and len(spans) >= _expected(info):
                traces.append(Trace(info=info, data=TraceData(spans=spans)))
        return traces

    def batch_get_trace_infos(
        self,
        trace_ids: list[str],
        location: str | None = None,
        experiment_ids: list[str] | None = None,
    ) -> list[TraceInfo]:
        """Those of the traces that are there, without spans, in the order of their last mention.

        ``experiment_ids`` keeps those of these experiments.
        """
        if not trace_ids:
            return []
        wanted = None
        if experiment_ids is not None:
            wanted = {str(_parse_experiment_id(given)) for given in experiment_ids}
        last = {trace_id: position for position, trace_id in enumerate(trace_ids)}
        ordered = sorted(last, key=lambda trace_id: last[trace_id])
        found = self._table.partitions([trace_pk(trace_id) for trace_id in ordered])
        infos = (self._info(found[trace_pk(trace_id)]) for trace_id in ordered)
        return [
            info
            for info in infos
            if info is not None and (wanted is None or info.experiment_id in wanted)
        ]

    def _info(self, items: Sequence[Item]) -> TraceInfo | None:
        head = self._heads.of_items(items)
        return None if head is None else trace_info_of(head, items)

    def _items(self, trace_id: str) -> list[Item]:
        return list(self._table.query_all(trace_pk(trace_id)))

    def _spans(self, info: TraceInfo) -> list[Span]:
        _require_stored_here(info)
        return _entities(list(self._table.query_all(spans_pk(info.trace_id))))


def _entities(items: list[Item]) -> list[Span]:
    return [LazySpan.from_stored_content(span.content) for span in span_texts(items)]


def _expected(info: TraceInfo) -> int:
    """How many spans the trace has by the client's report; 0 without one."""
    stats = info.trace_metadata.get(TraceMetadataKey.SIZE_STATS)
    return int(json.loads(stats).get(TraceSizeStatsKey.NUM_SPANS, 0)) if stats else 0


def _require_stored_here(info: TraceInfo) -> None:
    if info.tags.get(TraceTagKey.SPANS_LOCATION) != TRACKING_STORE:
        raise MlflowTracingException("The trace's spans are not kept in the tracking store.")


def _raise_tag_missing(trace_id: str, key: str) -> NoReturn:
    raise MlflowException(
        f"No trace tag with key '{key}' for trace with ID '{trace_id}'", RESOURCE_DOES_NOT_EXIST
    )
