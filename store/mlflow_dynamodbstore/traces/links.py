"""Links of traces to runs and prompt versions: an item on either side, so that both ways are one
query. They stay when a trace or a run is deleted, as in MLflow's SQL store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dynamodbstore_events.keys import link_sk, links_pk, unpart
from dynamodbstore_table.port import Put, Table, begins_with, now_ms
from mlflow.entities.model_registry import PromptVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.tracing.constant import AssessmentMetadataKey, TraceMetadataKey

from mlflow_dynamodbstore.core.lookup import RunLookup
from mlflow_dynamodbstore.traces.assessment_items import Form
from mlflow_dynamodbstore.traces.head import Head
from mlflow_dynamodbstore.traces.writing import Heads

TRACE: Final = "trace"
RUN: Final = "run"
PROMPT_VERSION: Final = "prompt_version"
SOURCE: Final = "source"
"""A trace that ran within a run, in the links of the run."""
ASSESSMENT: Final = "assessment"
SESSIONS_OF: Final = "sessions_of"
"""Has the assessments of whole sessions in an experiment."""
_MOST_TRACES: Final = 100

Pair = tuple[str, str]
"""The kind of an entity and its id."""


def link_puts(source: Pair, destination: Pair, at_ms: int) -> list[Put]:
    """The two items of a link; writing them again changes nothing that is read."""
    return [
        Put(
            {
                "PK": links_pk(*one),
                "SK": link_sk(*other),
                "id": other[1],
                "created": at_ms,
            }
        )
        for one, other in ((source, destination), (destination, source))
    ]


def linked(table: Table, entity: Pair, kind: str) -> list[str]:
    """The ids of one kind that an entity is linked with, read consistently."""
    items = table.query_all(links_pk(*entity), sk=begins_with(f"{kind}#"))
    return [item.get("id") or unpart(item["SK"].partition("#")[2]) for item in items]


def link_assessments(table: Table, head: Head, forms: Mapping[str, Form]) -> None:
    """Leave the links by which the assessments of a run, and those of whole sessions, are found."""
    puts: list[Put] = []
    for assessment_id, form in forms.items():
        found_by: list[Pair] = []
        metadata = form["metadata"] or {}
        if run_id := metadata.get(AssessmentMetadataKey.SOURCE_RUN_ID):
            found_by.append((RUN, run_id))
        if TraceMetadataKey.TRACE_SESSION in metadata:
            found_by.append((SESSIONS_OF, head.experiment_id))
        sk = link_sk(ASSESSMENT, f"{head.trace_id}#{assessment_id}")
        puts += [
            Put({"PK": links_pk(*one), "SK": sk, "trace": head.trace_id, "id": assessment_id})
            for one in found_by
        ]
    if puts:
        table.bulk(puts)


class TraceLinks:
    """Links of traces."""

    def __init__(self, table: Table, heads: Heads, runs: RunLookup) -> None:
        self._table = table
        self._heads = heads
        self._runs = runs

    def link_traces_to_run(self, trace_ids: list[str], run_id: str) -> None:
        """Link up to 100 traces with a run; a link that is there already stays.

        Neither has to exist where there is one workspace. Raises ``INVALID_PARAMETER_VALUE`` for
        more than 100.
        """
        if not trace_ids:
            return
        if len(trace_ids) > _MOST_TRACES:
            raise MlflowException(
                f"Cannot link more than {_MOST_TRACES} traces to a run in a single request. "
                f"Provided {len(trace_ids)} traces.",
                INVALID_PARAMETER_VALUE,
            )
        self._runs.check(run_id)
        wanted = self._heads.owned(dict.fromkeys(trace_ids))
        self._link(((TRACE, trace_id) for trace_id in wanted), [(RUN, run_id)])

    def link_prompts_to_trace(self, trace_id: str, prompt_versions: list[PromptVersion]) -> None:
        """Link a trace with the versions of prompts that it used.

        Raises ``RESOURCE_DOES_NOT_EXIST`` if there is no such trace.
        """
        if not prompt_versions:
            return
        self._heads.require(trace_id)
        used = dict.fromkeys(f"{prompt.name}/{prompt.version}" for prompt in prompt_versions)
        self._link([(TRACE, trace_id)], [(PROMPT_VERSION, prompt) for prompt in used])

    def _link(self, sources: Iterable[Pair], destinations: Sequence[Pair]) -> None:
        now = now_ms(self._table)
        self._table.bulk(
            put
            for source in sources
            for destination in destinations
            for put in link_puts(source, destination, now)
        )
