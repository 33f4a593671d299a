"""Tables of every engine, and stores on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table

from tests.conftest import new_table_name


@pytest.fixture(params=["sqlite", "dynoxide"])
def table(request: pytest.FixtureRequest) -> Table:
    """A new table: a file, and on a server."""
    found: SqliteTable | DynamoDBTable = request.getfixturevalue(f"{request.param}_table")
    return found


@pytest.fixture(params=["embedded", "dynoxide"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that several processes can open, and whose table is not there yet."""
    if request.param == "embedded":
        return f"dynamodb:///{tmp_path}/store.ddb?durability=process"
    return f"dynamodb://{request.getfixturevalue('dynoxide_endpoint')}/{new_table_name()}"


@pytest.fixture
def clock() -> list[float]:
    """The seconds that a clock returns: change them."""
    return [1000.0]
