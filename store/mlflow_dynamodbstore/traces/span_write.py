"""Writing the spans of one trace: bodies and digests, texts, then META."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dynamodbstore_events.keys import DIGESTS, INFO, trace_pk
from dynamodbstore_table.errors import InvalidOps, ItemTooLarge
from dynamodbstore_table.port import Op, Put, Table, now_ms

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.traces.attributes import TextChange, text_change
from mlflow_dynamodbstore.traces.batches import TraceSpans
from mlflow_dynamodbstore.traces.head import (
    Batch,
    Head,
    artifacts_of,
    expires,
    logged,
    require_spans_here,
)
from mlflow_dynamodbstore.traces.info_texts import InfoTexts
from mlflow_dynamodbstore.traces.spans import Digest, batch_key, merged, read_digests, span_items
from mlflow_dynamodbstore.traces.sums import has_data
from mlflow_dynamodbstore.traces.writing import Form, Heads, put

_MOST_TOGETHER: Final = 80


class SpanWrite:
    """Writing the spans of one trace: bodies and digests, texts, then META."""

    def __init__(
        self,
        table: Table,
        heads: Heads,
        infos: InfoTexts,
        trace: TraceSpans,
        experiment: ExperimentState,
        form: Form,
    ) -> None:
        self._table = table
        self._heads = heads
        self._infos = infos
        self._trace = trace
        self._experiment = experiment
        self._form = form
        self._digests = tuple(span.digest for span in trace.spans)
        self._batch = batch_key(trace.spans)
        self._stamp = 0
        self._is_one_item = True
        self._ops: list[Put] = []
        self._together = False
        self._made: Head | None = None
        self._after: Sequence[Digest] | None = None

    @property
    def _begin_ms(self) -> int:
        return min(digest.start_ns for digest in self._digests) // 1_000_000

    def has_expired(self, at_ms: int) -> bool:
        """Whether the spans are older than traces are kept."""
        ttl = expires(self._begin_ms, self._form.retention_days)
        return ttl is not None and ttl <= at_ms // 1000

    def span_ops(self, at_ms: int) -> list[Put]:
        known = self._heads.known(self._trace.trace_id)
        self._stamp = max(at_ms, 0 if known is None else known.stamp + 1)
        puts = span_items(
            self._trace.trace_id, self._batch, self._trace.spans, self._stamp, self._ttl()
        )
        digest_items = [put for put in puts if put.key[1].startswith(DIGESTS)]
        self._is_one_item = len(digest_items) == 1
        return puts

    def _ttl(self) -> int | None:
        return self._form.ttl_below(self._begin_ms)

    def _texts(self) -> TextChange | None:
        if not self._trace.texts:
            return None
        key = trace_pk(self._trace.trace_id), INFO
        return text_change(key, self._trace.texts, ttl=self._ttl())

    def last_ops(self) -> list[Op]:
        """The texts' and META's ops, from what is known of META now."""
        known = self._heads.known(self._trace.trace_id)
        self._made = self._next(known)
        ops: list[Op] = [put(known, self._made, self._form)]
        texts = self._texts()
        if texts is not None:
            self._table.bulk((*texts.apart, *texts.updates[:-1]))
            ops.insert(0, texts.updates[-1])
        return ops

    def remember(self) -> None:
        assert self._made is not None
        self._heads.written(self._made)
        self._remember_spans(self._made)

    def _remember_spans(self, head: Head) -> None:
        if self._after is not None:
            self._heads.remember_spans(head, self._after)

    def write(self, at_ms: int) -> None:
        """Write all of it: over a network in order, in a file in one transaction."""
        self._ops = self.span_ops(at_ms)
        if self._table.remote or len(self._ops) > _MOST_TOGETHER:
            self._table.bulk(self._ops)
            self.finish()
            return
        self._together = True
        texts = self._texts()
        updates: Sequence[Op] = ()
        if texts is not None:
            if texts.apart:
                self._table.bulk(texts.apart)
            updates = texts.updates
            self._infos.forget(self._trace.trace_id)
        try:
            head = self._heads.change(
                self._trace.trace_id, self._next, self._form, lambda: [*self._ops, *updates]
            )
        except (ItemTooLarge, InvalidOps):
            # INFO is full, or the spans are more than a transaction takes.
            self._together = False
            self._table.bulk(self._ops)
            self.finish()
        else:
            self._remember_spans(head)

    def finish(self) -> None:
        """Write the texts, then META, again where another process has changed META meanwhile."""
        if self._trace.texts:
            self._infos.write(self._trace.trace_id, self._trace.texts, self._ttl())
        self._remember_spans(self._heads.change(self._trace.trace_id, self._next, self._form))

    def _next(self, known: Head | None) -> Head:
        trace_id = self._trace.trace_id
        if known is not None:
            require_spans_here(known)
            if known.stamp >= self._stamp:
                self._ops = self.span_ops(now_ms(self._table))
                if not self._together:
                    self._table.bulk(self._ops)
        batch = Batch(
            experiment_id=self._experiment.experiment_id,
            artifacts=artifacts_of(self._experiment.artifact_location, trace_id),
            digests=self._digests,
            stamp=self._stamp,
            key=self._batch if self._is_one_item else None,
            root_state=self._trace.root_state,
            session=self._trace.session,
            user=self._trace.user,
            tags=self._trace.tags,
            texts=self._trace.head_texts,
        )
        return logged(known, trace_id, batch, self._all(known))

    def _all(self, known: Head | None) -> Sequence[Digest]:
        """The digests that sums are made of: all of the trace, where any has data."""
        if known is None or known.batches == ():
            self._after = self._digests
            return self._digests
        stored: Sequence[Digest] | None = self._heads.spans(known)
        if stored is None:
            self._after = None
            if known.usage is None and known.cost is None and not has_data(self._digests):
                return self._digests
            stored = read_digests(self._table, {known.trace_id: known.batches})[known.trace_id]
        self._after = merged(stored, self._digests)
        return self._after
