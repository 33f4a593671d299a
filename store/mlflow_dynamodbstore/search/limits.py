"""How many results a search may be asked for."""

from __future__ import annotations

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.tracking import SEARCH_MAX_RESULTS_THRESHOLD


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
    raise MlflowException(
        f"Invalid value {max_results} for parameter 'max_results' supplied. It must be {rule}.",
        INVALID_PARAMETER_VALUE,
    )
