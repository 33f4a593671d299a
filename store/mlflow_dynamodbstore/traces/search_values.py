"""Where a search for traces finds what clauses are on: in META as it is listed, in INFO, in ASSESS,
in digests of spans, in their bodies, in links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dynamodbstore_events.keys import ASSESS, INFO, links_pk, trace_pk
from dynamodbstore_table.port import Table, begins_with
from mlflow.tracing.constant import TraceMetadataKey

from mlflow_dynamodbstore.search.clause import Field, Row
from mlflow_dynamodbstore.search.values import Candidate, Values
from mlflow_dynamodbstore.traces.assessment_items import OVERRIDDEN, Form, forms_of
from mlflow_dynamodbstore.traces.attributes import has_apart, texts_of
from mlflow_dynamodbstore.traces.entity import METADATA, SPAN_METADATA, SPAN_TAG, TAG
from mlflow_dynamodbstore.traces.head import Head, head_texts
from mlflow_dynamodbstore.traces.links import (
    ASSESSMENT,
    PROMPT_VERSION,
    RUN,
    SESSIONS_OF,
    SOURCE,
    TRACE,
    linked,
)
from mlflow_dynamodbstore.traces.spans import (
    Batches,
    Digest,
    digests,
    read_digests,
    read_spans,
    span_lines,
)

TAGS: Final = "tags"
METADATA_OF: Final = "metadata"
SPAN: Final = "span"
OF_RUN: Final = "run"
OF_PROMPT: Final = "prompt"
ASSESSED: Final = "assessment"
ASSESSED_ITSELF: Final = "assessment of its own"
_PREFIXES: Final = {TAGS: (TAG, SPAN_TAG), METADATA_OF: (METADATA, SPAN_METADATA)}
# Spans that start this much before a bound on the trace's time still count, as in MLflow.
SKEW_MS: Final = 10_000


def read_apart(
    table: Table, rows: Sequence[Row], sort_key: str, *, consistent: bool
) -> dict[str, dict[str, str | None]]:
    """The texts of one item of each trace, by the trace's partition; long ones are read too."""
    keys = [(row["PK"], sort_key) for row in rows]
    items = table.batch_get(keys, consistent=consistent)
    long = [pk for (pk, _), item in items.items() if has_apart(item)]
    whole = table.partitions(long) if long else {}
    return {pk: texts_of(whole.get(pk, [item]), sort_key) for (pk, _), item in items.items()}


@dataclass(frozen=True, slots=True)
class TextsOfInfo(Values):
    """Tags and metadata: what spans brought stands in META, everything else in INFO."""

    consistent: bool = False

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        found = read_apart(table, [c.row for c in candidates], INFO, consistent=self.consistent)
        for candidate in candidates:
            texts = {
                **head_texts(Head.from_item(candidate.row)),
                **found.get(candidate.row["PK"], {}),
            }
            for on in fields:
                for prefix in _PREFIXES[on.kind]:
                    if prefix + on.key in texts:
                        candidate.values[on] = texts[prefix + on.key]
                        break

    def sort_key(self, on: Field) -> str:
        return INFO


class SpanFact(NamedTuple):
    """What span clauses are on; ``content`` is the span's JSON where it was read."""

    name: str | None
    type: str | None
    status: str | None
    content: str | None = None


@dataclass(frozen=True, slots=True)
class SpanFacts(Values):
    """The spans of a trace: from META where it has room for what they are, else from digests; with
    ``bodies`` from the spans themselves.

    ``earliest_ms`` leaves out spans that start before it.
    """

    bodies: bool = False
    earliest_ms: int | None = None

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        unknown: list[Candidate] = []
        for candidate in candidates:
            facts = None if self.bodies else self._of_head(Head.from_item(candidate.row))
            if facts is None:
                unknown.append(candidate)
            for on in fields if facts is not None else ():
                candidate.values[on] = facts
        if not unknown:
            return
        heads = {c.row["PK"]: Head.from_item(c.row) for c in unknown}
        batches = {head.trace_id: head.batches for head in heads.values()}
        for candidate, (found, contents) in zip(
            unknown, self._spans(table, [heads[c.row["PK"]] for c in unknown], batches), strict=True
        ):
            facts = self._facts(found, contents)
            for on in fields:
                candidate.values[on] = facts

    def _spans(
        self, table: Table, heads: Sequence[Head], batches: Batches
    ) -> Iterator[tuple[list[Digest], dict[str, str]]]:
        if self.bodies:
            items = read_spans(table, batches)
            for head in heads:
                yield digests(items[head.trace_id]), span_lines(items[head.trace_id])
        else:
            found = read_digests(table, batches, consistent=False)
            for head in heads:
                yield found[head.trace_id], {}

    def _of_head(self, head: Head) -> list[SpanFact] | None:
        if head.kinds is None:
            return None
        if self.earliest_ms is not None and (head.begin or 0) < self.earliest_ms:
            return None
        return [SpanFact(*kind) for kind in head.kinds]

    def _facts(self, found: Sequence[Digest], contents: Mapping[str, str]) -> list[SpanFact]:
        return [
            SpanFact(digest.name, digest.type, digest.status, contents.get(digest.span_id))
            for digest in found
            if self.earliest_ms is None or digest.start_ns // 1_000_000 >= self.earliest_ms
        ]

    def sort_key(self, on: Field) -> str:
        return "the spans' bodies" if self.bodies else "META or the digests of spans"


@dataclass(frozen=True, slots=True)
class AssessmentForms(Values):
    """The assessments of a trace, and those that another trace has for the whole session.

    ``experiment_ids`` are those that are searched, in which sessions are looked for; without any
    a trace has its own assessments only.
    """

    experiment_ids: tuple[str, ...]
    consistent: bool = False
    _of_sessions: dict[str, list[tuple[Form, bool]]] = field(default_factory=dict)
    _read_sessions: list[bool] = field(default_factory=list)

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        assessed = [c.row for c in candidates if c.row.get("assessed")]
        found = read_apart(table, assessed, ASSESS, consistent=self.consistent)
        if not self._read_sessions:
            self._read_sessions.append(True)
            self._find_sessions(table)
        for candidate in candidates:
            own = with_validity(found.get(candidate.row["PK"], {}))
            session = candidate.row.get("session")
            others = self._of_sessions.get(session, []) if session is not None else []
            for on in fields:
                candidate.values[on] = [*own, *others]

    def _find_sessions(self, table: Table) -> None:
        links = [
            link
            for experiment_id in self.experiment_ids
            for link in table.query_all(
                links_pk(SESSIONS_OF, experiment_id), sk=begins_with(f"{ASSESSMENT}#")
            )
        ]
        if not links:
            return
        pks = list(dict.fromkeys(trace_pk(link["trace"]) for link in links))
        traces = table.partitions(pks)
        for pk in pks:
            head = next((item for item in traces[pk] if item["SK"] == "META"), None)
            if head is None or head.get("session") is None:
                continue
            if head["experiment_id"] not in self.experiment_ids or head.get("deleting"):
                continue
            for form, valid in with_validity(texts_of(traces[pk], ASSESS)):
                if TraceMetadataKey.TRACE_SESSION in (form["metadata"] or {}):
                    self._of_sessions.setdefault(head["session"], []).append((form, valid))

    def sort_key(self, on: Field) -> str:
        return f"{ASSESS}, and those of whole sessions"


def with_validity(texts: Mapping[str, str | None]) -> list[tuple[Form, bool]]:
    """The assessments among the texts of ASSESS, and whether each is valid."""
    return [
        (form, OVERRIDDEN + assessment_id not in texts)
        for assessment_id, form in forms_of(texts).items()
    ]


@dataclass(frozen=True, slots=True)
class Linked(Values):
    """Whether a trace is linked with a run, or ran within it; or is linked with a prompt."""

    _ids: dict[Field, frozenset[str]] = field(default_factory=dict)

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        for on in dict.fromkeys(fields):
            ids = self.ids(table, on)
            for candidate in candidates:
                head = Head.from_item(candidate.row)
                own = on.kind == OF_RUN and head.run == on.key
                candidate.values[on] = own or head.trace_id in ids

    def ids(self, table: Table, on: Field) -> frozenset[str]:
        """The traces that are linked."""
        if on not in self._ids:
            self._ids[on] = frozenset(linked_traces(table, on))
        return self._ids[on]

    def sort_key(self, on: Field) -> str:
        return f"the links of the {on.kind}"


def linked_traces(table: Table, on: Field) -> list[str]:
    """The ids of the traces that are linked with a run, or ran within it, or with a prompt."""
    if on.kind == OF_PROMPT:
        return linked(table, (PROMPT_VERSION, on.key), TRACE)
    return [*linked(table, (RUN, on.key), TRACE), *linked(table, (RUN, on.key), SOURCE)]


def attribute_pattern(name: str, comparator: str, value: str) -> tuple[str, str]:
    """A comparison with an attribute of a span as one with the span's JSON, as MLflow's SQL store
    makes it."""
    if comparator != "RLIKE":
        return comparator, f'%"{name}"{value}%'
    begins, ends = value.startswith("^"), value.endswith("$")
    pattern = value[1:] if begins else value
    pattern = pattern[:-1] if ends else pattern
    before = '"\\\\"' if begins else '"\\\\".*'
    return comparator, f'"{name}": {before}{pattern}' + ('\\\\"' if ends else "")
