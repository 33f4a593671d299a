"""Values that a caller gave where MLflow keeps text."""

from __future__ import annotations

from collections.abc import Iterable
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


def as_text_or_none(value: Any, what: str) -> str | None:
    """``as_text``, or None."""
    return None if value is None else as_text(value, what)


def required_text(value: Any, what: str) -> str:
    """The value, which must be text; ``what`` names it.

    Raises ``INVALID_PARAMETER_VALUE`` where MLflow's own validators raise a ``TypeError``.
    """
    if isinstance(value, str):
        return value
    raise MlflowException.invalid_parameter_value(
        f"Invalid {what} {value!r}: it must be text. Give str(...) of it."
    )


def required_text_or_none(value: Any, what: str) -> str | None:
    """``required_text``, or None."""
    return None if value is None else required_text(value, what)


def required_texts(kind: str, texts: Iterable[Any]) -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` unless key and value of each tag or param (``kind``) are
    text or None, of which MLflow's own validators judge."""
    for text in texts:
        key = required_text_or_none(text.key, f"{kind} key")
        required_text_or_none(text.value, f"value of the {kind} {key!r}")


def text_of(value: Any) -> str | None:
    """The same, or None where ``as_text`` raises."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, Number) else None
