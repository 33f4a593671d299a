"""Reading what a caller gives: numbers of results, and what MLflow's parsers can't read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException
from mlflow.store.tracking import SEARCH_MAX_RESULTS_THRESHOLD

_Parsed = TypeVar("_Parsed")


def check_max_results(max_results: int | None, *, none_is_all: bool = False) -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` unless it is from 1 to 50,000.

    None stands for all results where ``none_is_all``, and is refused elsewhere.
    """
    if max_results is None and none_is_all:
        return
    if not isinstance(max_results, int) or max_results < 1:
        rule = "a positive integer"
    elif max_results > SEARCH_MAX_RESULTS_THRESHOLD:
        rule = f"at most {SEARCH_MAX_RESULTS_THRESHOLD}"
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
