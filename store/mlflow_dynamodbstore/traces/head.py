"""A trace's META item: the lean part of it that is listed, and what spans and ``start_trace`` make
of it. Pure.

``start_trace`` ends a trace; it may come before, between or after the spans. What it gives counts
before what spans hold, in whatever order they come (``final``, ``given``, ``given_usage``,
``given_cost``).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dynamodbstore_events.entities import DELETING, FORM, TRACE
from dynamodbstore_events.keys import (
    META,
    newest_first,
    part,
    session_lookup,
    trace_pk,
    traces_listing,
    unpart,
)
from dynamodbstore_table.items.forms import current, newest_form
from dynamodbstore_table.port import Item
from dynamodbstore_table.schema import TTL
from mlflow.entities import TraceInfo, TraceState
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE
from mlflow.tracing.constant import SpansLocation, TraceMetadataKey, TraceTagKey
from mlflow.utils.mlflow_tags import MLFLOW_ARTIFACT_LOCATION
from mlflow.utils.uri import append_to_uri_path

from mlflow_dynamodbstore.traces import sums
from mlflow_dynamodbstore.traces.spans import Digest

TRACKING_STORE: Final[str] = SpansLocation.TRACKING_STORE.value
HEAD_TAGS: Final = {
    TraceTagKey.TRACE_NAME: "name",
    TraceTagKey.SPANS_LOCATION: "location",
    MLFLOW_ARTIFACT_LOCATION: "artifacts",
}
"""The tags that META holds, and the field of each."""
HEAD_METADATA: Final = frozenset(
    {
        TraceMetadataKey.TRACE_SESSION,
        TraceMetadataKey.TOKEN_USAGE,
        TraceMetadataKey.COST,
        TraceMetadataKey.TRACE_INFO_FINALIZED,
    }
)
"""The metadata that META holds."""
_FOUND_BY: Final = {
    "run": TraceMetadataKey.SOURCE_RUN,
    "model": TraceMetadataKey.MODEL_ID,
    "user": TraceMetadataKey.TRACE_USER,
}
_OPEN: Final = (TraceState.IN_PROGRESS.value, TraceState.STATE_UNSPECIFIED.value)
_DAY_SECONDS: Final = 86_400
_KINDS_CHARACTERS: Final = 400
_MOST_BATCHES: Final = 8

Kind = tuple[str | None, str | None, str | None]
"""Name, type and status of a span."""


@dataclass(frozen=True, slots=True)
class Head:
    """A trace's META. Times and durations in ms; ``change`` counts the changes of META; ``stamp``
    is the time of the latest batch of spans.

    ``batches`` are the keys of the batches whose digests are one item each; None where they are
    many, or longer: then their partition is read.

    ``kinds`` are the (name, type, status) that its spans have; None where they are too many, or
    where a span was logged before it ended: then the digests answer. ``texts`` is JSON of the few
    short tags and metadata that spans brought, by INFO's names. ``begin`` and
    ``latest`` are the earliest and the latest start of a span (ms).
    """

    trace_id: str
    experiment_id: str
    time: int
    state: str
    duration: int | None = None
    name: str | None = None
    session: str | None = None
    client_id: str | None = None
    location: str | None = None
    artifacts: str | None = None
    run: str | None = None
    model: str | None = None
    user: str | None = None
    usage: str | None = None
    cost: str | None = None
    given_usage: str | None = None
    given_cost: str | None = None
    given: tuple[str, ...] = ()
    final: bool = False
    assessed: bool = False
    batches: tuple[str, ...] | None = ()
    stamp: int = 0
    kinds: tuple[Kind, ...] | None = ()
    texts: str | None = None
    begin: int | None = None
    latest: int | None = None
    change: int = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Head:
        """The head in a META item; raises ``NewerForm``."""
        item = current(TRACE, item)
        names = cls.__slots__
        values = {name: item[name] for name in names if name in item}
        values["trace_id"] = item.get("id") or unpart(item["PK"].partition("#")[2])
        values["given"] = tuple(item.get("given", ()))
        batches = item.get("batches")
        values["batches"] = None if batches is None else tuple(batches)
        kinds = item.get("kinds")
        values["kinds"] = None if kinds is None else tuple(map(tuple, json.loads(kinds)))
        return cls(**values)

    def to_item(self, shards: int, retention_days: int) -> Item:
        """META as it is written; ``shards`` of the experiment's listing, days until it expires (0:
        never)."""
        item: Item = {"PK": trace_pk(self.trace_id), "SK": META, FORM: newest_form(TRACE)}
        for name in Head.__slots__:
            value = getattr(self, name)
            if value is not None and name not in ("trace_id", "given", "kinds", "batches"):
                item[name] = value
        if unpart(part(self.trace_id)) != self.trace_id:
            item["id"] = self.trace_id
        if self.batches is not None:
            item["batches"] = list(self.batches)
        if self.given:
            item["given"] = list(self.given)
        if self.kinds is not None:
            item["kinds"] = json.dumps(self.kinds, separators=(",", ":"), ensure_ascii=False)
        listed = newest_first(self.time, self.trace_id)
        item["gsi1pk"] = traces_listing(self.experiment_id, shard_of(self.trace_id, shards))
        item["gsi1sk"] = listed
        if self.session is not None:
            item["gsi2pk"] = session_lookup(self.experiment_id, self.session)
            item["gsi2sk"] = listed
        if (ttl := expires(self.time, retention_days)) is not None:
            item[TTL] = ttl
        return item


@dataclass(frozen=True, slots=True)
class Batch:
    """What the spans of one call hold of their trace; times in ms, ``stamp`` is the server's.

    ``key`` is the batch's, None where its digests are more than one item.
    """

    experiment_id: str
    artifacts: str
    digests: tuple[Digest, ...]
    stamp: int
    key: str | None
    root_state: str | None = None
    session: str | None = None
    user: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def begin(self) -> int:
        return min(d.start_ns for d in self.digests) // 1_000_000

    @property
    def latest(self) -> int:
        return max(d.start_ns for d in self.digests) // 1_000_000

    @property
    def end(self) -> int | None:
        ends = [d.end_ns for d in self.digests if d.end_ns is not None]
        return max(ends) // 1_000_000 if ends else None


def shard_of(trace_id: str, shards: int) -> int:
    """The shard of a trace in its experiment's listing."""
    return zlib.crc32(trace_id.encode("utf-8", "surrogatepass")) % shards


def expires(time_ms: int, retention_days: int) -> int | None:
    """When a trace of this time expires (Unix seconds); None for never."""
    return time_ms // 1000 + retention_days * _DAY_SECONDS if retention_days else None


def is_deleting(item: Mapping[str, Any]) -> bool:
    """Whether the trace of a META item is being removed: to every reader it has gone."""
    return bool(item.get(DELETING))


def without_texts(head: Head, names: Iterable[str]) -> Head:
    """META without some of the texts that spans brought."""
    texts = {k: v for k, v in head_texts(head).items() if k not in names}
    return replace(
        head,
        change=head.change + 1,
        texts=json.dumps(texts, ensure_ascii=False) if texts else None,
    )


def head_texts(head: Head) -> dict[str, str | None]:
    """The texts that META holds, by INFO's names."""
    return json.loads(head.texts) if head.texts else {}


def with_field(head: Head, name: str, value: str | None) -> Head:
    """META with one of the ``HEAD_TAGS`` fields set, or without it."""
    given = tuple(sorted({*head.given, name})) if name == "name" else head.given
    values: dict[str, Any] = {name: value}
    return replace(head, change=head.change + 1, given=given, **values)


def started(known: Head | None, info: TraceInfo, artifacts: str, final: bool) -> Head:
    """META once a client has given its values; ``known`` is META before."""
    metadata, tags = info.trace_metadata, info.tags
    base = known or Head(info.trace_id, info.experiment_id, info.request_time, info.state.value)
    given = set(base.given)
    values: dict[str, Any] = {
        name: metadata[key] for name, key in _FOUND_BY.items() if key in metadata
    }
    if TraceTagKey.TRACE_NAME in tags:
        values["name"] = tags[TraceTagKey.TRACE_NAME]
    if TraceMetadataKey.TRACE_SESSION in metadata:
        values["session"] = metadata[TraceMetadataKey.TRACE_SESSION]
    given |= values.keys() & {"name", "session", "user"}
    usage = {
        **_sums(base.given_usage),
        **sums.given_usage(metadata.get(TraceMetadataKey.TOKEN_USAGE)),
    }
    cost = {**_sums(base.given_cost), **sums.given_cost(metadata.get(TraceMetadataKey.COST))}
    if TraceTagKey.SPANS_LOCATION in tags:
        values["location"] = tags[TraceTagKey.SPANS_LOCATION]
    return replace(
        base,
        experiment_id=info.experiment_id,
        time=info.request_time,
        duration=info.execution_duration,
        state=info.state.value,
        client_id=info.client_request_id,
        artifacts=artifacts,
        given_usage=sums.as_usage(usage),
        given_cost=sums.as_cost(cost),
        usage=sums.as_usage({**_sums(base.usage), **usage}),
        cost=sums.as_cost({**_sums(base.cost), **cost}),
        given=tuple(sorted(given)),
        final=base.final or final,
        assessed=base.assessed or bool(info.assessments),
        change=base.change + 1,
        **values,
    )


def logged(known: Head | None, trace_id: str, batch: Batch, spans: Sequence[Digest]) -> Head:
    """META once a batch of spans is stored; ``spans`` are all of the trace, the batch's among
    them, where any of them has usage or a cost (else they may be the batch's alone)."""
    base = known or Head(
        trace_id,
        batch.experiment_id,
        batch.begin,
        batch.root_state or TraceState.IN_PROGRESS.value,
        duration=batch.end - batch.begin if batch.end else None,
        artifacts=batch.artifacts,
    )
    values: dict[str, Any] = {} if base.final else _times(base, batch)
    if batch.session and (base.session is None):
        values["session"] = batch.session
    if batch.user and base.user is None:
        values["user"] = batch.user
    for key, name in HEAD_TAGS.items():
        if key in batch.tags and name not in base.given:
            values[name] = batch.tags[key]
    if TraceTagKey.SPANS_LOCATION not in batch.tags:
        values["location"] = TRACKING_STORE
    if batch.texts:
        texts = {**json.loads(base.texts or "{}"), **batch.texts}
        values["texts"] = json.dumps(texts, ensure_ascii=False)
    if sums.has_data(spans):
        usage = {**sums.usage_of(spans), **_sums(base.given_usage)}
        cost = {**sums.cost_of(spans), **_sums(base.given_cost)}
        values |= {"usage": sums.as_usage(usage), "cost": sums.as_cost(cost)}
    return replace(
        base,
        batches=_batches(base.batches, batch.key),
        stamp=max(base.stamp, batch.stamp),
        kinds=_kinds(base.kinds, batch.digests),
        begin=batch.begin if base.begin is None else min(base.begin, batch.begin),
        latest=batch.latest if base.latest is None else max(base.latest, batch.latest),
        change=base.change + 1,
        **values,
    )


def _times(base: Head, batch: Batch) -> dict[str, Any]:
    begin = min(base.time, batch.begin)
    values: dict[str, Any] = {"time": begin}
    if batch.end is not None:
        ends = [batch.end] if base.duration is None else [batch.end, base.time + base.duration]
        values["duration"] = max(ends) - begin
    if base.state in _OPEN and batch.root_state is not None:
        values["state"] = batch.root_state
    return values


def _batches(known: tuple[str, ...] | None, key: str | None) -> tuple[str, ...] | None:
    if known is None or key is None:
        return None
    batches = tuple(dict.fromkeys((*known, key)))
    return batches if len(batches) <= _MOST_BATCHES else None


def _kinds(known: tuple[Kind, ...] | None, batch: Sequence[Digest]) -> tuple[Kind, ...] | None:
    if known is None or any(span.end_ns is None for span in batch):
        return None
    kinds = dict.fromkeys(known)
    kinds.update(dict.fromkeys((span.name, span.type, span.status) for span in batch))
    if sum(len(text or "") + 3 for kind in kinds for text in kind) > _KINDS_CHARACTERS:
        return None
    return tuple(kinds)


def _sums(text: str | None) -> dict[str, Any]:
    return {} if text is None else json.loads(text)


def artifacts_of(experiment_location: str, trace_id: str) -> str:
    """Where the artifacts of a trace are."""
    location: str = append_to_uri_path(experiment_location, "traces", trace_id, "artifacts")
    return location


def require_spans_here(head: Head) -> None:
    """Raise ``INVALID_STATE`` for a trace whose spans are kept elsewhere."""
    if head.location not in (None, TRACKING_STORE):
        raise MlflowException(
            f"Cannot update traces that are no longer DB-backed: '{head.trace_id}'.", INVALID_STATE
        )
