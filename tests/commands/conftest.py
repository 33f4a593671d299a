"""A file that a store without projections has written, and its options on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from mlflow_dynamodbstore.commands import waiting
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import Named
from tests.projections.replays import bare_store

Waits = list[float]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[tuple[DynamoTrackingStore, SqliteTable]]:
    """A store whose projections nobody keeps, and its table."""
    with bare_store(tmp_path) as found:
        yield found


@pytest.fixture
def store(bare: tuple[DynamoTrackingStore, SqliteTable]) -> DynamoTrackingStore:
    return bare[0]


@pytest.fixture
def table(bare: tuple[DynamoTrackingStore, SqliteTable]) -> SqliteTable:
    return bare[1]


@pytest.fixture
def named(table: SqliteTable) -> Named:
    """The options that name the table."""
    return "--store-uri", f"dynamodb:///{table.path}"


@pytest.fixture
def named_on_server(dynoxide_table: DynamoDBTable, dynoxide_endpoint: str) -> Named:
    """The options that name a table on a server."""
    return "--table", dynoxide_table.name, "--endpoint-url", dynoxide_endpoint


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """How long a command has waited: no test does."""
    waited: Waits = []
    monkeypatch.setattr(waiting, "sleep", waited.append)
    return waited
