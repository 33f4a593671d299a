"""The table's errors as MLflow's: a user of the store never sees an engine's exception."""

from __future__ import annotations

from dynamodbstore_projections.config import InvalidConfig
from dynamodbstore_table.errors import (
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


def as_mlflow_error(error: TableError) -> MlflowException:
    """The MLflow exception that says what a table's error means to a user."""
    if isinstance(error, TableMissing):
        return MlflowException(f"The store's table is missing: {error}.", RESOURCE_DOES_NOT_EXIST)
    if isinstance(error, TableUnfit):
        return MlflowException(f"The store can't use its table: {error}.", INVALID_STATE)
    if isinstance(error, NewerForm):
        return MlflowException(f"This version can't read it: {error}.", INVALID_STATE)
    if isinstance(error, InvalidConfig):
        return MlflowException(f"The store's configuration can't be used: {error}.", INVALID_STATE)
    if isinstance(error, ItemTooLarge | InvalidOps):
        return MlflowException(f"The value can't be stored: {error}.", INVALID_PARAMETER_VALUE)
    if isinstance(error, Throttled | TransactionConflict | TableUnavailable):
        return MlflowException(
            f"The store's table can't serve this now: {error}.", TEMPORARILY_UNAVAILABLE
        )
    return MlflowException(f"The store's table refused: {error}.", INTERNAL_ERROR)
