"""What MLflow's parsers can't read, as MLflow's error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException

_Parsed = TypeVar("_Parsed")


def parsed(what: str, text: str | None, parse: Callable[[str | None], _Parsed]) -> _Parsed:
    """What ``parse`` makes of a filter or an order.

    Raises ``INVALID_PARAMETER_VALUE`` where MLflow's parser stumbles, as it does over a quote that
    is not closed or a list of bare words; its own errors stay as they are.
    """
    try:
        return parse(text)
    except (ValueError, SyntaxError) as error:
        raise MlflowException.invalid_parameter_value(
            f"Invalid {what} {text!r}: {error}. Close every quote, and give texts in quotes."
        ) from None
