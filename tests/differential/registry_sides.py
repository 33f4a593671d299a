"""The two registries, each emptied before a sequence of operations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from dynamodbstore_table.embedded.table import SqliteTable
from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking._tracking_service.utils import _use_tracking_uri
from mlflow_dynamodbstore.stores.build_registry import build_registry_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.conftest import new_table_name

from .registry_words import KNOWN_MODEL
from .sides import delete_everything, hurry


class SqlRegistrySide:
    """MLflow's SQL registry on one SQLite file that is wiped."""

    def __init__(self, path: Path) -> None:
        self.store = SqlAlchemyStore(f"sqlite:///{path}")
        hurry(self.store.engine)

    def empty(self) -> None:
        """Remove everything."""
        delete_everything(self.store.engine)


def embedded_registries(folder: Path, projected: bool) -> Callable[[], DynamoRegistryStore]:
    """Makes registries in a folder, one file at a time: as a server does, or without
    projections."""
    numbers = itertools.count()

    def new_store() -> DynamoRegistryStore:
        for file in folder.glob("*.ddb*"):
            file.unlink()
        path = folder / f"{next(numbers)}.ddb"
        if projected:
            return build_registry_store(f"dynamodb:///{path}?durability=process")
        table = SqliteTable(path, durability="process")
        table.create()
        return DynamoRegistryStore(table)

    return new_store


def served_registries(endpoint: str) -> Callable[[], DynamoRegistryStore]:
    """Makes registries on a DynamoDB-compatible server."""
    return lambda: build_registry_store(f"dynamodb://{endpoint}/{new_table_name()}")


@contextmanager
def one_logged_model() -> Iterator[None]:
    """Let both registries find one logged model, of the run ``r1``, wherever they look for one."""

    def find(self: MlflowClient, model_id: str) -> LoggedModel:
        if model_id != KNOWN_MODEL:
            raise MlflowException(
                f"Logged model with ID '{model_id}' not found.", RESOURCE_DOES_NOT_EXIST
            )
        return LoggedModel("0", model_id, "net", "s3://b/net", 1, 1, source_run_id="r1")

    # No call goes there; but by default a client makes a database where it is run.
    nowhere = _use_tracking_uri("http://127.0.0.1:9")
    with nowhere, mock.patch.object(MlflowClient, "get_logged_model", find):
        yield
