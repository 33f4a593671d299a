"""From the items of a trace's partition to MLflow's ``TraceInfo``. Pure.

INFO holds texts by attribute: ``t:<key>`` a tag, ``m:<key>`` metadata, ``s:<key>`` a tag that spans
brought (one that was set counts before it), ``u:<key>`` metadata that spans brought, ``p:request``
and ``p:response`` the previews, ``q:…`` previews from the root span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dynamodbstore_events.keys import ASSESS, INFO
from mlflow.entities import Assessment, TraceInfo, TraceLocation, TraceState
from mlflow.tracing.constant import TraceMetadataKey

from mlflow_dynamodbstore.traces.assessment_items import assessments_of
from mlflow_dynamodbstore.traces.attributes import texts_of
from mlflow_dynamodbstore.traces.head import HEAD_METADATA, HEAD_TAGS, Head, head_texts

TAG: Final = "t:"
SPAN_TAG: Final = "s:"
METADATA: Final = "m:"
SPAN_METADATA: Final = "u:"
PREVIEW: Final = "p:"
SPAN_PREVIEW: Final = "q:"

Texts = Mapping[str, str | None]


def trace_info_of(head: Head, items: Sequence[Mapping[str, Any]]) -> TraceInfo:
    """MLflow's entity of a trace whose partition's items these are."""
    return trace_info(head, texts_of(items, INFO), assessments_of(items, ASSESS, head.trace_id))


def trace_info(head: Head, info: Texts, assessments: list[Assessment]) -> TraceInfo:
    """MLflow's entity; ``info`` are the texts of INFO."""
    info = {**head_texts(head), **info}
    tags = {**_under(info, SPAN_TAG), **_under(info, TAG)}
    for key, name in HEAD_TAGS.items():
        if (value := getattr(head, name)) is not None:
            tags[key] = value
    return TraceInfo(
        trace_id=head.trace_id,
        trace_location=TraceLocation.from_experiment_id(head.experiment_id),
        request_time=head.time,
        execution_duration=head.duration,
        state=TraceState(head.state),
        tags=tags,
        trace_metadata=_metadata(head, info),
        client_request_id=head.client_id,
        request_preview=_preview(info, "request"),
        response_preview=_preview(info, "response"),
        assessments=assessments,
    )


def _metadata(head: Head, info: Texts) -> dict[str, str | None]:
    metadata = {**_under(info, SPAN_METADATA), **_under(info, METADATA)}
    if head.final:
        metadata[TraceMetadataKey.TRACE_INFO_FINALIZED] = "true"
    promoted = (
        (TraceMetadataKey.TRACE_SESSION, head.session),
        (TraceMetadataKey.TOKEN_USAGE, head.usage),
        (TraceMetadataKey.COST, head.cost),
    )
    metadata.update((key, value) for key, value in promoted if value is not None)
    return metadata


def _under(info: Texts, prefix: str) -> dict[str, str | None]:
    return {name[len(prefix) :]: text for name, text in info.items() if name.startswith(prefix)}


def _preview(info: Texts, name: str) -> str | None:
    given = info.get(PREVIEW + name)
    return info.get(SPAN_PREVIEW + name) if given is None else given


def given_texts(info: TraceInfo) -> dict[str, str | None]:
    """The texts of INFO that ``start_trace`` sets."""
    texts: dict[str, str | None] = {
        TAG + key: value for key, value in info.tags.items() if key not in HEAD_TAGS
    }
    texts |= {
        METADATA + key: value
        for key, value in info.trace_metadata.items()
        if key not in HEAD_METADATA
    }
    for name, preview in (("request", info.request_preview), ("response", info.response_preview)):
        if preview is not None:
            texts[PREVIEW + name] = preview
    return texts
