"""The two stores, each emptied before a sequence of operations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy
from dynamodbstore_table.embedded.table import SqliteTable
from mlflow.store.db.base_sql_model import Base
from mlflow.store.tracking.dbmodels.models import SqlExperiment
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.experiments import experiments
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.conftest import new_table_name

ARTIFACTS = "/tmp/artifacts"


class SqlSide:
    """MLflow's SQL store on one SQLite file that is wiped, as setting a new one up takes long."""

    def __init__(self, path: Path, next_experiment_id: Callable[[], int]) -> None:
        self.store = SqlAlchemyStore(f"sqlite:///{path}", ARTIFACTS)
        engine = self.store.engine

        @sqlalchemy.event.listens_for(SqlExperiment, "before_insert")
        def _choose_id(mapper: object, connection: Any, row: Any) -> None:
            # The listener hears of every SQL store of the process; other tests' choose their own.
            if connection.engine is engine:
                row.experiment_id = next_experiment_id()

        hurry(engine)

    def empty(self) -> None:
        """Remove everything but a new default experiment."""
        delete_everything(self.store.engine)
        self.store._initialize_store_state()


class OurSide:
    """Our store, a new one for each sequence."""

    def __init__(self, new_store: Callable[[], Any]) -> None:
        self._new_store = new_store
        self._open = False
        self.store: Any

    def empty(self) -> None:
        """Go on with a new table."""
        self.close()
        self.store = self._new_store()
        self._open = True

    def close(self) -> None:
        """Let go of the table."""
        if self._open:
            self.store._table.close()
            self._open = False


def embedded_stores(folder: Path, projected: bool) -> Callable[[], DynamoTrackingStore]:
    """Makes stores in a folder, one file at a time: as a server does, or without projections."""
    numbers = itertools.count()

    def new_store() -> DynamoTrackingStore:
        for file in folder.glob("*.ddb*"):
            file.unlink()
        path = folder / f"{next(numbers)}.ddb"
        if projected:
            return build_tracking_store(f"dynamodb:///{path}?durability=process", ARTIFACTS)
        table = SqliteTable(path, durability="process")
        table.create()
        store = DynamoTrackingStore(table, ARTIFACTS)
        store.ensure_default_experiment()
        return store

    return new_store


def served_stores(endpoint: str) -> Callable[[], DynamoTrackingStore]:
    """Makes stores on a DynamoDB-compatible server."""
    return lambda: build_tracking_store(f"dynamodb://{endpoint}/{new_table_name()}", ARTIFACTS)


def hurry(engine: Any) -> None:
    """Let SQLite not wait for the disk."""

    @sqlalchemy.event.listens_for(engine, "connect")
    def _be_quick(connection: Any, record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")

    engine.dispose()


def delete_everything(engine: Any) -> None:
    """Remove every row of MLflow's tables."""
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@contextmanager
def our_experiment_ids(next_experiment_id: Callable[[], int]) -> Iterator[None]:
    """Let our store choose the ids that the SQL store is made to choose."""

    def choose(now_ms: int) -> str:
        return str(next_experiment_id())

    with mock.patch.object(experiments, "new_experiment_id", choose):
        yield
