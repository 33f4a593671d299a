"""A file that a store without projections has written, and its options on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.sqlite import SqliteTable
from mlflow_dynamodbstore.tracking.store import DynamoTrackingStore

from tests.projections.replays import bare_store


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
def named(table: SqliteTable) -> tuple[str, str]:
    """The options that name the table."""
    return "--store-uri", f"dynamodb:///{table.path}"
