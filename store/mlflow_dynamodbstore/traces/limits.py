"""The limits of a trace's texts, as MLflow's SQL store has them."""

from __future__ import annotations

from typing import Any

from mlflow.tracing.constant import (
    MAX_CHARS_IN_TRACE_INFO_METADATA,
    MAX_CHARS_IN_TRACE_INFO_TAGS_VALUE,
)
from mlflow.utils.validation import _validate_length_limit


def checked_session(session: Any) -> str | None:
    """The session's id; raises ``INVALID_PARAMETER_VALUE`` for more than 250 characters."""
    text = None if session is None else str(session)
    checked: str | None = _validate_length_limit(
        "Session ID", MAX_CHARS_IN_TRACE_INFO_METADATA, text
    )
    return checked


def checked_name(name: str | None) -> str | None:
    """The trace's name; raises ``INVALID_PARAMETER_VALUE`` for more than 4,096 characters."""
    checked: str | None = _validate_length_limit(
        "Trace name", MAX_CHARS_IN_TRACE_INFO_TAGS_VALUE, name
    )
    return checked
