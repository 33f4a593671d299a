"""Spans as items: the spans of one batch of one trace, packed and compressed, and their digests.

A body is one line a span: its digest's beginning, a tab, and the JSON that MLflow's SQL store
would keep, so that reading passes stored JSON through. A digest is what sums, completeness and
searches need of a span. A batch is keyed by its content, so that a repeated one writes the same
items again; ``at`` (server time, ms, kept above all earlier ones of the trace) decides which of two
forms of a span is the later one. The bodies of a small batch stand in the item of its digests: an
item less to write, and digests are read as cheaply.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dynamodbstore_events.keys import BODIES, DIGESTS, body_sk, digest_sk, spans_pk
from dynamodbstore_table.port import Item, Put, Table, begins_with
from dynamodbstore_table.schema import TTL
from mlflow.entities import Span
from mlflow.tracing.constant import SpanAttributeKey
from mlflow.tracing.utils import TraceJSONEncoder

from mlflow_dynamodbstore.traces.span_attributes import mapping, model_name

BODY: Final = "b"
"""The attribute of a digest's item that holds the bodies of a small batch."""

_PART_BYTES: Final = 350 * 1024
_RAW_BYTES: Final = 4 * 1024 * 1024
_LEVEL: Final = 6
_SMALL_BYTES: Final = 4 * 1024


@dataclass(frozen=True, slots=True)
class Digest:
    """What sums and searches need of a span; times in ns, ``usage`` and ``cost`` as MLflow's
    attributes hold them."""

    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int | None
    name: str | None
    type: str | None
    status: str | None
    model: str | None
    provider: str | None
    usage: Mapping[str, Any] | None
    cost: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span to write: its digest, and its JSON."""

    digest: Digest
    content: str


@dataclass(frozen=True, slots=True)
class SpanText:
    """A span that was read: where it stands in its trace, and its JSON."""

    span_id: str
    parent_id: str | None
    start_ns: int
    content: str


def stored_span(span: Span, translated: Mapping[str, Any]) -> StoredSpan:
    """The span as it is kept; ``translated`` is its dict from MLflow's translators."""
    attributes = translated.get("attributes") or {}
    digest = Digest(
        span_id=span.span_id,
        parent_id=span.parent_id,
        start_ns=span.start_time_ns,
        end_ns=span.end_time_ns,
        name=span.name,
        type=span.span_type,
        status=_status(span),
        model=model_name(attributes.get(SpanAttributeKey.MODEL)),
        provider=model_name(attributes.get(SpanAttributeKey.MODEL_PROVIDER)),
        usage=mapping(attributes.get(SpanAttributeKey.CHAT_USAGE)),
        cost=mapping(attributes.get(SpanAttributeKey.LLM_COST)),
    )
    return StoredSpan(digest, json.dumps(translated, cls=TraceJSONEncoder, ensure_ascii=False))


def _status(span: Span) -> str:
    code = span.status.status_code
    return str(getattr(code, "value", code))


def batch_key(spans: Sequence[StoredSpan]) -> str:
    """The key of a batch: 16 hex digits of its content, whatever order the spans came in."""
    contents = hashlib.sha256()
    for span in sorted(spans, key=lambda span: span.digest.span_id):
        contents.update(span.content.encode("utf-8", "surrogatepass"))
        contents.update(b"\n")
    return contents.hexdigest()[:16]


def span_items(
    trace_id: str, batch: str, spans: Sequence[StoredSpan], at_ms: int, ttl: int | None
) -> list[Put]:
    """The bodies and the digests of a batch, digests last; ``ttl`` in Unix seconds."""
    pk = spans_pk(trace_id)
    common: Item = {"PK": pk, "at": at_ms} if ttl is None else {"PK": pk, "at": at_ms, TTL: ttl}
    bodies, digests = list(_packed(_body_lines(spans))), list(_packed(_digest_lines(spans)))
    if len(bodies) == len(digests) == 1:
        together = len(bodies[0]["z"]) + len(digests[0]["z"])
        if together <= _SMALL_BYTES:
            item = {**common, "SK": digest_sk(batch, 0), **digests[0], BODY: bodies[0]["z"]}
            return [Put(item)]
    puts = [
        Put({**common, "SK": body_sk(batch, n), **attributes})
        for n, attributes in enumerate(bodies)
    ]
    puts += [
        Put({**common, "SK": digest_sk(batch, n), **attributes})
        for n, attributes in enumerate(digests)
    ]
    return puts


def _body_lines(spans: Iterable[StoredSpan]) -> Iterable[bytes]:
    for span in spans:
        digest = span.digest
        head = (digest.span_id, digest.parent_id, digest.start_ns, digest.end_ns)
        yield f"{json.dumps(head)}\t{span.content}".encode("utf-8", "surrogatepass")


def _digest_lines(spans: Iterable[StoredSpan]) -> Iterable[bytes]:
    for span in spans:
        digest = span.digest
        yield json.dumps(
            [getattr(digest, name) for name in Digest.__slots__], separators=(",", ":")
        ).encode()


def _packed(lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    """The lines in compressed streams of some MB each, cut into parts that fit an item.

    The first part of a stream has ``of``: how many parts the stream has.
    """
    for chunk in _chunks(lines):
        data = zlib.compress(b"\n".join(chunk), _LEVEL)
        parts = [data[i : i + _PART_BYTES] for i in range(0, len(data), _PART_BYTES)]
        yield {"z": parts[0], "of": len(parts)}
        for part in parts[1:]:
            yield {"z": part}


def _chunks(lines: Iterable[bytes]) -> Iterable[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if chunk and size + len(line) > _RAW_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield chunk


def _lines(items: Iterable[Mapping[str, Any]]) -> Iterable[tuple[int, str, bytes]]:
    """Every line of items in the order of their sort keys: its batch's time, its batch, itself.

    A batch that another one is just writing may lack parts: it is passed over, as no META
    promises it yet.
    """
    batches: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for item in items:
        batches[item["SK"].split("#")[1]].append(item)
    for batch, parts in batches.items():
        position = 0
        while position < len(parts):
            first = parts[position]
            stream = parts[position : position + first.get("of", 1)]
            position += len(stream)
            if "of" not in first or len(stream) < first["of"]:
                continue
            data = zlib.decompress(b"".join(part["z"] for part in stream))
            for line in data.split(b"\n"):
                yield first["at"], batch, line


def _bodies(items: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for item in items:
        if item["SK"].startswith(BODIES):
            yield item
        elif BODY in item:
            yield {**item, "z": item[BODY]}


def span_texts(items: Iterable[Mapping[str, Any]]) -> list[SpanText]:
    """The spans of a whole partition, each in its latest form: roots first, then by start.

    A form that has ended is later than one that has not; else the later batch counts.
    """
    latest: dict[str, tuple[tuple[bool, int, str], SpanText]] = {}
    for at, batch, line in _lines(_bodies(items)):
        head, _, content = line.partition(b"\t")
        span_id, parent_id, start_ns, end_ns = json.loads(head)
        version = (end_ns is not None, at, batch)
        known = latest.get(span_id)
        if known is None or known[0] <= version:
            text = content.decode("utf-8", "surrogatepass")
            latest[span_id] = (version, SpanText(span_id, parent_id, start_ns, text))
    spans = [span for _, span in latest.values()]
    return sorted(spans, key=lambda span: (span.parent_id is not None, span.start_ns))


def span_lines(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The JSON of each span of a partition, by the span's id."""
    return {span.span_id: span.content for span in span_texts(items)}


def digests(items: Iterable[Mapping[str, Any]]) -> list[Digest]:
    """The digests of a partition's spans, each in its latest form."""
    latest: dict[str, tuple[tuple[bool, int, str], Digest]] = {}
    for at, batch, line in _lines(item for item in items if item["SK"].startswith(DIGESTS)):
        digest = Digest(*json.loads(line))
        version = (digest.end_ns is not None, at, batch)
        known = latest.get(digest.span_id)
        if known is None or known[0] <= version:
            latest[digest.span_id] = (version, digest)
    return [digest for _, digest in latest.values()]


Batches = Mapping[str, Sequence[str] | None]
"""By trace id: the keys of the trace's batches (None: not known, and its partition is read)."""


def read_digests(
    table: Table, traces: Batches, *, consistent: bool = True
) -> dict[str, list[Digest]]:
    """The digests of the spans of many traces, by the traces' ids."""
    items = _digest_items(table, traces, consistent=consistent)
    return {trace_id: digests(items[trace_id]) for trace_id in traces}


def read_spans(table: Table, traces: Batches) -> dict[str, list[Mapping[str, Any]]]:
    """The items with digests and bodies of many traces' spans, by the traces' ids.

    Only the partitions of large batches are read: small ones stand beside their digests.
    """
    items = _digest_items(table, traces, consistent=False)
    large = {
        spans_pk(trace_id): trace_id
        for trace_id, found in items.items()
        if any(BODY not in item for item in found)
    }
    if large:
        whole = table.partitions(large, consistent=False)
        items |= {large[pk]: list(found) for pk, found in whole.items()}
    return items


def _digest_items(
    table: Table, traces: Batches, *, consistent: bool
) -> dict[str, list[Mapping[str, Any]]]:
    keys = {
        (spans_pk(trace_id), digest_sk(batch, 0)): trace_id
        for trace_id, batches in traces.items()
        for batch in batches or ()
    }
    by_trace: dict[str, list[Mapping[str, Any]]] = {trace_id: [] for trace_id in traces}
    if keys:
        for key, item in table.batch_get(keys, consistent=consistent).items():
            by_trace[keys[key]].append(item)
    unknown = {spans_pk(t): t for t, batches in traces.items() if batches is None}
    if unknown:
        found = table.partitions(unknown, sk=begins_with(DIGESTS), consistent=consistent)
        by_trace.update((unknown[pk], list(part)) for pk, part in found.items())
    return by_trace


def merged(stored: Iterable[Digest], batch: Iterable[Digest]) -> list[Digest]:
    """The digests of a trace once ``batch`` is stored: of one span its ended form, else the
    batch's."""
    latest = {digest.span_id: digest for digest in stored}
    for digest in batch:
        known = latest.get(digest.span_id)
        if known is None or digest.end_ns is not None or known.end_ns is None:
            latest[digest.span_id] = digest
    return list(latest.values())
