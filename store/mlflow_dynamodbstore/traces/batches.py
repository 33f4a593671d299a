"""From the spans of one call to what each of their traces is to hold. Pure: no table is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlflow.entities import Span, TraceState
from mlflow.tracing.constant import SpanAttributeKey, TraceMetadataKey, TraceTagKey
from mlflow.tracing.otel.translation import translate_span_when_storing
from mlflow.tracing.utils.truncation import _get_truncated_preview

from mlflow_dynamodbstore.traces import span_attributes
from mlflow_dynamodbstore.traces.entity import SPAN_METADATA, SPAN_PREVIEW, SPAN_TAG
from mlflow_dynamodbstore.traces.head import HEAD_TAGS
from mlflow_dynamodbstore.traces.limits import checked_name, checked_session
from mlflow_dynamodbstore.traces.spans import StoredSpan, stored_span

_SHORT_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class TraceSpans:
    """The spans of one trace in a call, and what they hold of it.

    ``texts`` are for INFO; few and short ones are ``head_texts`` instead, which META holds.
    """

    trace_id: str
    spans: tuple[StoredSpan, ...]
    root_state: str | None
    session: str | None
    user: str | None
    tags: Mapping[str, str]
    texts: Mapping[str, str | None]
    head_texts: Mapping[str, str | None]


def by_trace(spans: Iterable[Span]) -> list[TraceSpans]:
    """The spans of a call, trace by trace; of a span that is there twice the last form.

    Raises ``INVALID_PARAMETER_VALUE`` for a session or a name that is too long.
    """
    traces: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    return [_trace_spans(trace_id, members) for trace_id, members in traces.items()]


def _trace_spans(trace_id: str, spans: Sequence[Span]) -> TraceSpans:
    stored: dict[str, StoredSpan] = {}
    session: str | None = None
    user: str | None = None
    tags: dict[str, str] = {}
    previews: dict[str, str | None] = {}
    for span in spans:
        translated = translate_span_when_storing(span)
        stored[span.span_id] = stored_span(span, translated)
        attributes: Mapping[str, Any] = translated.get("attributes") or {}
        if session is None and (named := span_attributes.session_of(attributes)):
            session = checked_session(named)
        if user is None:
            user = span_attributes.user_of(attributes) or None
        if span.parent_id is None:
            tags |= span_attributes.trace_tags(attributes)
            previews |= _previews(attributes)
    checked_name(tags.get(TraceTagKey.TRACE_NAME))
    all_tags = {**span_attributes.resource_tags(_resource(spans)), **tags}
    texts: dict[str, str | None] = {
        SPAN_TAG + key: tag for key, tag in all_tags.items() if key not in HEAD_TAGS
    }
    if user is not None:
        texts[SPAN_METADATA + TraceMetadataKey.TRACE_USER] = user
    short = sum(len(key) + len(str(text)) for key, text in texts.items()) <= _SHORT_CHARACTERS
    return TraceSpans(
        trace_id,
        tuple(stored.values()),
        _root_state(spans),
        session,
        user,
        tags={key: tag for key, tag in all_tags.items() if key in HEAD_TAGS},
        texts=previews if short else {**previews, **texts},
        head_texts=texts if short else {},
    )


def _root_state(spans: Iterable[Span]) -> str | None:
    for span in spans:
        if span.parent_id is None:
            code = span.status.status_code
            failed = getattr(code, "value", code) == "ERROR"
            return str(TraceState.ERROR.value if failed else TraceState.OK.value)
    return None


def _previews(root_attributes: Mapping[str, Any]) -> dict[str, str | None]:
    texts: dict[str, str | None] = {}
    sides = (
        ("request", SpanAttributeKey.INPUTS, "user"),
        ("response", SpanAttributeKey.OUTPUTS, "assistant"),
    )
    for name, key, role in sides:
        if value := root_attributes.get(key):
            try:
                texts[SPAN_PREVIEW + name] = _get_truncated_preview(value, role=role)
            except Exception:
                continue
    return texts


def _resource(spans: Iterable[Span]) -> Mapping[str, Any]:
    for span in spans:
        resource = getattr(span._span, "resource", None)
        if resource is not None and resource.attributes:
            return dict(resource.attributes)
    return {}
