"""The contract, on every engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import ClassVar

import boto3.session
import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Observer, Table
from dynamodbstore_table.testing.contract import TableContract
from dynamodbstore_table.testing.contract.base import NewTable
from dynamodbstore_table.testing.contract.concurrency import ConcurrencyContract
from moto import mock_aws

from tests.conftest import new_table_name


class TestSqlite(TableContract, ConcurrencyContract):
    """The embedded engine."""

    @pytest.fixture(scope="class")
    def new_table(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewTable]:
        with ExitStack() as open_tables:

            def make(observer: Observer | None = None) -> Table:
                path = tmp_path_factory.mktemp("sqlite") / "table.ddb"
                table = SqliteTable(path, durability="process", observer=observer)
                return _created(table, open_tables)

            yield make


class TestMoto(TableContract):
    """DynamoDB as moto imitates it within this process, for one thread at a time."""

    many = 2000  # Moto goes through the whole partition for each page.
    diverges: ClassVar[Mapping[str, str]] = {
        r"name='absent'.*None": "moto takes a missing attribute for null",
        r"name='yes', op='=', value=1": "moto takes 1 for true",
        r"op='>', value=(1|'')": "moto raises a TypeError where two types are ordered",
        r"never_compares_with_another_type\[(<|>=)-(b?'|-?\d)": "moto raises a TypeError as well",
        r"item_of_400_kb_is_accepted": "moto's largest item is smaller",
        r"key_to_read_that_is_not_unicode": "moto takes any text",
        r"adding_to_what_is_no_number": "moto raises an AssertionError",
    }

    @pytest.fixture(scope="class")
    def new_table(self) -> Iterator[NewTable]:
        # A transaction of moto's copies every table of its region before it starts.
        regions = itertools.cycle(boto3.session.Session().get_available_regions("dynamodb"))
        with mock_aws(), ExitStack() as open_tables:

            def make(observer: Observer | None = None) -> Table:
                table = DynamoDBTable(
                    new_table_name(), region=next(regions), observer=observer, max_connections=1
                )
                return _created(table, open_tables)

            yield make


class TestDynoxide(TableContract, ConcurrencyContract):
    """A DynamoDB-compatible server, over HTTP."""

    @pytest.fixture(scope="class")
    def new_table(self, dynoxide_endpoint: str) -> Iterator[NewTable]:
        with ExitStack() as open_tables:

            def make(observer: Observer | None = None) -> Table:
                table = DynamoDBTable(
                    new_table_name(), endpoint_url=dynoxide_endpoint, observer=observer
                )
                return _created(table, open_tables)

            yield make


def _created(table: Table, open_tables: ExitStack) -> Table:
    table.create()
    open_tables.callback(table.close)
    return table
