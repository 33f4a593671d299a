"""The table's errors as MLflow's: a user of the store never sees an engine's exception."""

from __future__ import annotations

from dynamodbstore_projections.config import InvalidConfig
from dynamodbstore_table.errors import (
    DamagedItem,
    InvalidOps,
    ItemTooLarge,
    NewerForm,
    TableError,
    TableMissing,
    TableUnavailable,
    TableUnfit,
    Throttled,
    TransactionConflict,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    INVALID_STATE,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)
from mlflow.utils import validation

from mlflow_dynamodbstore import logs


def as_mlflow_error(error: TableError) -> MlflowException:
    """The MLflow exception for a table's error, in the words of a user."""
    if isinstance(error, TableMissing):
        return MlflowException(f"The store's table is missing: {error}.", RESOURCE_DOES_NOT_EXIST)
    if isinstance(error, TableUnfit):
        return MlflowException(f"The store can't use its table: {error}.", INVALID_STATE)
    if isinstance(error, NewerForm):
        return MlflowException(f"This version can't read it: {error}.", INVALID_STATE)
    if isinstance(error, InvalidConfig):
        return MlflowException(f"The store's configuration can't be used: {error}.", INVALID_STATE)
    if isinstance(error, DamagedItem):
        return MlflowException(
            f"The store can't go on: {error}. Put it right, restore it from a backup or delete it; "
            "'mlflow-dynamodbstore replay --verify' names every such item.",
            INVALID_STATE,
        )
    if isinstance(error, ItemTooLarge | InvalidOps):
        return MlflowException(f"The value can't be stored: {error}.", INVALID_PARAMETER_VALUE)
    if isinstance(error, Throttled | TransactionConflict | TableUnavailable):
        return MlflowException(
            f"The store's table can't serve this now: {error}.", TEMPORARILY_UNAVAILABLE
        )
    return MlflowException(f"The store's table refused: {error}.", INTERNAL_ERROR)


def unexpected(operation: str, error: Exception) -> MlflowException:
    """The MLflow exception for what no check of ours has foreseen, as the SQL store raises one.

    Callers catch ``MlflowException``, and a server makes a page of HTML of any other. What MLflow's
    own validators stumble over is bad input. Where anything else was raised goes to the log.
    """
    if _is_of_a_validator(error):
        return MlflowException.invalid_parameter_value(
            f"Invalid value for {operation}: {error}. Names, keys and values must be text, and "
            "versions whole numbers."
        )
    logs.unexpected_error(operation, error)
    return MlflowException(
        f"{operation} failed: {type(error).__name__}: {error}. If what it was given is as MLflow "
        "documents it, this is a fault of the store: please report it.",
        INTERNAL_ERROR,
    )


def _is_of_a_validator(error: Exception) -> bool:
    raised = error.__traceback__
    while raised is not None:
        if raised.tb_frame.f_globals.get("__name__") == validation.__name__:
            return isinstance(error, TypeError | AttributeError)
        raised = raised.tb_next
    return False


class WrongType(TypeError):
    """An argument is of another class than MLflow documents; its own stores raise TypeError too."""


def is_wrong_call(error: Exception) -> bool:
    """Whether a call was made with an argument of a wrong class, or with other parameters than the
    function has, so that it never began."""
    raised = error.__traceback__
    began = raised is None or raised.tb_next is not None
    return isinstance(error, WrongType) or (isinstance(error, TypeError) and not began)
