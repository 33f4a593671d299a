"""The table's errors as MLflow's: a user of the store never sees an engine's exception."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

from dynamodbstore_projections.config import InvalidConfig
from dynamodbstore_table.errors import (
    InvalidOps,
    ItemTooLarge,
    TableError,
    TableMissing,
    TableUnavailable,
    TableUnfit,
    Throttled,
    TransactionConflict,
)
from dynamodbstore_table.request_count import REQUESTS
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    INVALID_STATE,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)

from mlflow_dynamodbstore.slow_calls import LIMIT, tell

_C = TypeVar("_C", bound=type)

_CALLED_BY_MLFLOW = (
    "_search_runs",
    "_search_datasets",
    "_get_deleted_runs",
    "_get_deleted_logged_models",
    "_hard_delete_run",
    "_hard_delete_experiment",
    "_hard_delete_logged_model",
)


def as_mlflow_error(error: TableError) -> MlflowException:
    """The MLflow exception that says what a table's error means to a user."""
    if isinstance(error, TableMissing):
        return MlflowException(f"The store's table is missing: {error}.", RESOURCE_DOES_NOT_EXIST)
    if isinstance(error, TableUnfit):
        return MlflowException(f"The store can't use its table: {error}.", INVALID_STATE)
    if isinstance(error, InvalidConfig):
        return MlflowException(f"The store's configuration can't be used: {error}.", INVALID_STATE)
    if isinstance(error, ItemTooLarge | InvalidOps):
        return MlflowException(f"The value can't be stored: {error}.", INVALID_PARAMETER_VALUE)
    if isinstance(error, Throttled | TransactionConflict | TableUnavailable):
        return MlflowException(
            f"The store's table can't serve this now: {error}.", TEMPORARILY_UNAVAILABLE
        )
    return MlflowException(f"The store's table refused: {error}.", INTERNAL_ERROR)


def translated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``function`` raise MLflow's errors in place of the table's, and tell when it is slow."""
    name = function.__name__.lstrip("_")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        requests, begin = REQUESTS.made, perf_counter()
        try:
            return function(*args, **kwargs)
        except TableError as error:
            raise as_mlflow_error(error) from error
        finally:
            seconds = perf_counter() - begin
            if seconds >= LIMIT.seconds:
                tell(name, seconds, REQUESTS.made - requests)

    return call


def translate_public_methods(cls: _C) -> _C:
    """Class decorator: every method of ours that MLflow calls raises MLflow's errors."""
    for name in dir(cls):
        if name.startswith("_") and name not in _CALLED_BY_MLFLOW:
            continue
        member = inspect.getattr_static(cls, name)
        ours = getattr(member, "__module__", "").startswith("mlflow_dynamodbstore")
        if inspect.isfunction(member) and ours:
            setattr(cls, name, translated(member))
    return cls
