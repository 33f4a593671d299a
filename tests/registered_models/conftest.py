"""Registries to test on, and names that no other test uses."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.conftest import new_table_name
from tests.registered_models.stores import embedded_registry, sql_registry


@pytest.fixture(scope="session")
def on_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoRegistryStore]:
    """Our registry on the embedded engine."""
    with embedded_registry(tmp_path_factory.mktemp("ours")) as registry:
        yield registry


@pytest.fixture(scope="session")
def on_server(dynoxide_endpoint: str) -> Iterator[DynamoRegistryStore]:
    """Our registry on a DynamoDB-compatible server."""
    table = DynamoDBTable(new_table_name(), endpoint_url=dynoxide_endpoint)
    table.create()
    yield DynamoRegistryStore(table)
    table.close()


@pytest.fixture(scope="session")
def of_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlAlchemyStore]:
    """MLflow's own registry."""
    with sql_registry(tmp_path_factory.mktemp("sql")) as registry:
        yield registry


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock for what is kept that shows another millisecond each time it is read."""
    now = itertools.count(1_700_000_000_000)
    clock = SimpleNamespace(time=lambda: next(now) / 1000)
    monkeypatch.setattr("mlflow.utils.time.time", clock)


@pytest.fixture(params=["on_file", "on_server", "of_mlflow"])
def either(request: pytest.FixtureRequest, ticking: None) -> Any:
    """Ours, on two engines, and MLflow's own: what a test asserts is true of all."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def name() -> str:
    """A name of a model."""
    return f"model {uuid.uuid4().hex}"
