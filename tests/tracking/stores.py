"""Stores to test on: ours on an embedded file, and MLflow's own on SQLite beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

USER = "ada"


@contextmanager
def embedded_store(folder: Path) -> Iterator[DynamoTrackingStore]:
    """Our store on a new file."""
    table = SqliteTable(folder / "store.ddb", durability="process")
    table.create()
    try:
        yield store_on(table, folder)
    finally:
        table.close()


def store_on(table: Table, artifacts: Path) -> DynamoTrackingStore:
    """Our store on a table that is there, with its default experiment."""
    store = DynamoTrackingStore(table, artifacts.as_uri())
    store.ensure_default_experiment()
    return store


@contextmanager
def sql_store(folder: Path) -> Iterator[SqlAlchemyStore]:
    """MLflow's SQL store on a new file, for comparison."""
    store = SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}", folder.as_uri())
    try:
        yield store
    finally:
        store._dispose_engine()


def new_run(store: DynamoTrackingStore | SqlAlchemyStore, experiment_id: str = "0") -> str:
    """The id of a new run."""
    run_id: str = store.create_run(experiment_id, USER, 1, [], "run").info.run_id
    return run_id


def refused(code: str) -> pytest.RaisesExc[MlflowException]:
    """Expects MLflow's error of this code."""
    return pytest.raises(MlflowException, check=lambda error: error.error_code == code)
