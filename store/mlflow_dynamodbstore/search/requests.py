"""Reading what a caller gives: numbers of results, and what MLflow's parsers can't read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException
from mlflow.store.tracking import SEARCH_MAX_RESULTS_THRESHOLD

_Parsed = TypeVar("_Parsed")


def check_max_results(
    max_results: int | None,
    *,
    least: int | None = 1,
    most: int = SEARCH_MAX_RESULTS_THRESHOLD,
    none_is_all: bool = False,
) -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` unless it is from ``least`` (None: any) to ``most``.

    None stands for all results where ``none_is_all``, and is refused elsewhere.
    """
    if max_results is None and none_is_all:
        return
    if not isinstance(max_results, int) or (least is not None and max_results < least):
        rule = "a whole number" if least is None else "a positive integer"
    elif max_results > most:
        rule = f"at most {most}"
    else:
        return
    raise MlflowException.invalid_parameter_value(
        f"Invalid value {max_results} for parameter 'max_results' supplied. It must be {rule}."
    )


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
