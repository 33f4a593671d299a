"""Values that a caller gave where MLflow keeps text."""

from __future__ import annotations

from numbers import Number
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST


def as_text(value: Any, what: str) -> str:
    """The value as the SQL store keeps it in a column of text: a number as its digits, a truth
    value as 1 or 0.

    Raises ``BAD_REQUEST`` for anything else but text, such as a list; ``what`` names the value.
    """
    text = text_of(value)
    if text is None:
        raise MlflowException(f"Invalid {what}: {value!r}. It must be text.", BAD_REQUEST)
    return text


def text_of(value: Any) -> str | None:
    """The same, or None where ``as_text`` raises."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, Number) else None
