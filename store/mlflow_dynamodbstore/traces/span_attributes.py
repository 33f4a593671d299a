"""What the attributes of translated spans mean: values arrive as they are, or as JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mlflow.exceptions import MlflowException
from mlflow.tracing.constant import SpanAttributeKey, TraceTagKey
from mlflow.utils.validation import _validate_trace_tag

_LONGEST_MODEL: Final = 500
_CONVERSATION: Final = "gen_ai.conversation.id"
_USER: Final = "user.id"


def text(value: Any) -> Any:
    """The text that a JSON string holds; any other value as it is."""
    try:
        parsed = json.loads(value)
    except (TypeError, ValueError):
        return value
    return parsed if isinstance(parsed, str) else value


def mapping(value: Any) -> dict[str, Any] | None:
    """The dict that an attribute is, or holds as JSON; None for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def model_name(value: Any) -> str | None:
    """A model's or provider's name, at most 500 characters; None for what is no text."""
    name = text(value)
    return name[:_LONGEST_MODEL] if isinstance(name, str) else None


def session_of(attributes: Mapping[str, Any]) -> Any:
    """The session that a span names, by OpenTelemetry's conventions."""
    return text(attributes.get(SpanAttributeKey.SESSION_ID) or attributes.get(_CONVERSATION))


def user_of(attributes: Mapping[str, Any]) -> Any:
    """The user that a span names."""
    return text(attributes.get(_USER))


def trace_tags(root_attributes: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a trace that its root span carries (``mlflow.traceTag.<key>``).

    Invalid ones are passed over, as the SQL store passes them over.
    """
    prefix = SpanAttributeKey.TRACE_TAG_PREFIX
    return dict(
        _valid(
            (key[len(prefix) :], str(text(value)))
            for key, value in root_attributes.items()
            if key.startswith(prefix)
        )
    )


def resource_tags(resource_attributes: Mapping[str, Any]) -> dict[str, str]:
    """An OpenTelemetry resource as tags of a trace, without the SDK's own and ``mlflow.*``."""
    return dict(
        _valid(
            (key, value if isinstance(value, str) else json.dumps(value))
            for key, value in resource_attributes.items()
            if not key.startswith(("telemetry.sdk.", "mlflow."))
        )
    )


def _valid(tags: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for key, value in tags:
        try:
            yield _validate_trace_tag(key, value)
        except MlflowException:
            continue


NAME: Final[str] = TraceTagKey.TRACE_NAME
