"""The two stores, each emptied before a sequence of operations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy
from dynamodbstore_table.port import Table
from dynamodbstore_table.sqlite import SqliteTable
from mlflow.store.db.base_sql_model import Base
from mlflow.store.tracking.dbmodels.models import SqlExperiment
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.tracking import experiments
from mlflow_dynamodbstore.tracking.store import DynamoTrackingStore

from tests.search.projected import EVERYTHING, mark_built, projected_table

ARTIFACTS = "/tmp/artifacts"


class SqlSide:
    """MLflow's SQL store on one SQLite file that is wiped, as setting a new one up takes long."""

    def __init__(self, path: Path, next_experiment_id: Callable[[], int]) -> None:
        self.store = SqlAlchemyStore(f"sqlite:///{path}", ARTIFACTS)
        engine = self.store.engine

        @sqlalchemy.event.listens_for(engine, "connect")
        def _be_quick(connection: Any, record: object) -> None:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = MEMORY")

        @sqlalchemy.event.listens_for(SqlExperiment, "before_insert")
        def _choose_id(mapper: object, connection: Any, row: Any) -> None:
            # The listener hears of every SQL store of the process; other tests' choose their own.
            if connection.engine is engine:
                row.experiment_id = next_experiment_id()

        engine.dispose()

    def empty(self) -> None:
        """Remove everything but a new default experiment."""
        with self.store.engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        self.store._initialize_store_state()


class OurSide:
    """Our store, on a new table for each sequence; ``new_table`` makes it."""

    def __init__(self, new_table: Callable[[], Table]) -> None:
        self._new_table = new_table
        self._table: Table | None = None
        self.store: DynamoTrackingStore

    def empty(self) -> None:
        """Go on with a new table."""
        self.close()
        self._table = self._new_table()
        self._table.create()
        self.store = DynamoTrackingStore(self._table, ARTIFACTS)
        self.store.ensure_default_experiment()

    def close(self) -> None:
        """Let go of the table."""
        if self._table is not None:
            self._table.close()
            self._table = None


def new_files(folder: Path, projected: bool = False) -> Callable[[], Table]:
    """Makes embedded tables in a folder, one file at a time; ``projected``: with projections."""
    numbers = itertools.count()

    def new_file() -> Table:
        for file in folder.glob("*.ddb*"):
            file.unlink()
        path = folder / f"{next(numbers)}.ddb"
        if not projected:
            return SqliteTable(path, durability="process")
        table = projected_table(path)
        mark_built(table, *EVERYTHING)
        return table

    return new_file


@contextmanager
def our_experiment_ids(next_experiment_id: Callable[[], int]) -> Iterator[None]:
    """Let our store choose the ids that the SQL store is made to choose."""

    def choose(now_ms: int) -> str:
        return str(next_experiment_id())

    with mock.patch.object(experiments, "new_experiment_id", choose):
        yield
