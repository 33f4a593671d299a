"""What a client reports of a trace: merged with what is known of it."""

from __future__ import annotations

from dynamodbstore_events.keys import ASSESS, link_sk, links_pk, trace_pk
from dynamodbstore_table.port import Put, Table, now_ms
from mlflow.entities import TraceInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.tracing.constant import TraceMetadataKey, TraceTagKey
from mlflow.utils.validation import _parse_experiment_id

from mlflow_dynamodbstore.core.lookup import ExperimentLookup
from mlflow_dynamodbstore.traces.assessment_items import forms_to_add, texts_to_add
from mlflow_dynamodbstore.traces.attributes import write_texts
from mlflow_dynamodbstore.traces.entity import given_texts, trace_info_of
from mlflow_dynamodbstore.traces.entity import trace_info as trace_info_entity
from mlflow_dynamodbstore.traces.head import Head, artifacts_of, require_spans_here, started
from mlflow_dynamodbstore.traces.info_texts import InfoTexts
from mlflow_dynamodbstore.traces.limits import checked_name, checked_session
from mlflow_dynamodbstore.traces.links import RUN, SOURCE, link_assessments
from mlflow_dynamodbstore.traces.writing import Heads, Retention, raise_missing


class TraceMerging:
    """Writes what clients report of traces."""

    def __init__(
        self,
        table: Table,
        experiments: ExperimentLookup,
        heads: Heads,
        infos: InfoTexts,
        retention: Retention,
    ) -> None:
        self._table = table
        self._experiments = experiments
        self._heads = heads
        self._infos = infos
        self._retention = retention

    def merge(self, trace_info: TraceInfo, *, final: bool) -> TraceInfo:
        """Keep what a client reports of a trace; after a ``final`` report spans don't change its
        times, state and duration any more."""
        checked_name(trace_info.tags.get(TraceTagKey.TRACE_NAME))
        checked_session(trace_info.trace_metadata.get(TraceMetadataKey.TRACE_SESSION))
        experiment = self._experiments.require_active(
            str(_parse_experiment_id(trace_info.experiment_id))
        )
        trace_id = trace_info.trace_id
        if trace_info.request_time is None:
            raise MlflowException(
                f"Trace with ID '{trace_id}' has no request time: give it one in ms.",
                RESOURCE_DOES_NOT_EXIST,
            )
        before = self._heads.known(trace_id) or self._heads.read(trace_id)
        if before is not None:
            require_spans_here(before)
        form = self._retention.form(experiment)
        ttl = form.ttl_below(trace_info.request_time)
        self._add_assessments(trace_info, ttl)
        self._link_with_run(trace_info)
        held = self._infos.write(trace_id, given_texts(trace_info), ttl)

        def give(known: Head | None) -> Head:
            if known is not None:
                require_spans_here(known)
            return started(
                known, trace_info, artifacts_of(experiment.artifact_location, trace_id), final
            )

        head = self._heads.change(trace_id, give, form)
        if held is None or head.assessed:
            return self._read(trace_id)
        return trace_info_entity(head, held, [])

    def _add_assessments(self, info: TraceInfo, ttl: int | None) -> None:
        if not info.assessments:
            return
        forms = forms_to_add(info.assessments, now_ms(self._table))
        head = started(None, info, "", final=False)
        link_assessments(self._table, head, forms)
        key = trace_pk(info.trace_id), ASSESS
        write_texts(self._table, key, texts_to_add(forms), ttl=ttl)

    def _link_with_run(self, info: TraceInfo) -> None:
        """A run finds the traces that ran within it at once, which no index could promise."""
        run_id = info.trace_metadata.get(TraceMetadataKey.SOURCE_RUN)
        if run_id:
            link = {"PK": links_pk(RUN, run_id), "SK": link_sk(SOURCE, info.trace_id)}
            self._table.write(Put({**link, "id": info.trace_id}))

    def _read(self, trace_id: str) -> TraceInfo:
        items = list(self._table.query_all(trace_pk(trace_id)))
        head = self._heads.of_items(items)
        if head is None:
            raise_missing(trace_id)
        return trace_info_of(head, items)
