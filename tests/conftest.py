"""Tables to test on: the embedded engine, moto, and a DynamoDB-compatible server."""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import botocore.loaders
import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable

from tests.engines import EngineMissing, running_dynoxide
from tests.lambdas.sam import build

pytest.register_assert_rewrite("dynamodbstore_table.testing.contract")


@pytest.fixture(scope="session", autouse=True)
def _sdk_models_are_read_once() -> Iterator[None]:
    """Share the SDK's parsed service models: each test's own client would parse them anew."""
    shared = functools.cache(botocore.loaders.create_loader)
    with mock.patch("botocore.session.create_loader", shared):
        yield


@pytest.fixture(scope="session")
def dynoxide_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that runs for the whole session; tables have names of their own."""
    try:
        with running_dynoxide(tmp_path_factory.mktemp("dynoxide")) as url:
            yield url
    except EngineMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(f"CI runs with every engine: {missing}")
        pytest.skip(str(missing))


@pytest.fixture
def dynoxide_table(dynoxide_endpoint: str) -> Iterator[DynamoDBTable]:
    """A new table on the server."""
    table = DynamoDBTable(new_table_name(), endpoint_url=dynoxide_endpoint)
    table.create()
    yield table
    table.close()


@pytest.fixture
def sqlite_table(tmp_path: Path) -> Iterator[SqliteTable]:
    """A new table in a file of its own."""
    table = SqliteTable(tmp_path / "table.ddb")
    table.create()
    yield table
    table.close()


@pytest.fixture(scope="session")
def built_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The functions' packages, made once; the template that says where they are."""
    return build(tmp_path_factory.mktemp("sam"))


def new_table_name() -> str:
    """A name that no other test uses."""
    return f"test-{uuid.uuid4().hex}"
