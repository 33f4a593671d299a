"""The DynamoDB adapter's client: made late, made again after a fork; the messages of its errors."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from typing import Any

import botocore.exceptions
import pytest
from dynamodbstore_table.dynamodb.retry import Backoff
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import (
    InvalidOps,
    ItemTooLarge,
    TableError,
    TableMissing,
    TableUnavailable,
    TableUnfit,
)
from dynamodbstore_table.port import Put, Update
from dynamodbstore_table.testing.contract.base import numbered

from tests.conftest import new_table_name
from tests.engines import free_port
from tests.table.faults import Faults

KEY = ("a", "1")


def test_importing_the_adapter_does_not_load_the_sdk() -> None:
    program = (
        "import sys; from dynamodbstore_table.dynamodb.table import DynamoDBTable; "
        "DynamoDBTable('runs', region='eu-west-1'); "
        "print([m for m in ('boto3', 'botocore') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*")
def test_a_forked_process_uses_connections_and_threads_of_its_own(
    dynoxide_table: DynamoDBTable,
) -> None:
    dynoxide_table.bulk(map(Put, numbered("parent", 60)))

    child = multiprocessing.get_context("fork").Process(
        target=lambda: os._exit(0 if len(_copy(dynoxide_table, "parent", "child")) == 60 else 1)
    )
    child.start()
    child.join(30)

    assert child.exitcode == 0
    assert len(_copy(dynoxide_table, "child", "again")) == 60


def test_a_missing_table_is_named(dynoxide_endpoint: str) -> None:
    table = DynamoDBTable("no-such-table", endpoint_url=dynoxide_endpoint)

    with pytest.raises(TableMissing, match="no-such-table"):
        table.get(KEY)
    assert not table.exists()
    table.close()


def test_an_endpoint_that_does_not_answer_is_named() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    table = DynamoDBTable("runs", endpoint_url=endpoint)

    with pytest.raises(TableUnavailable, match=f"{endpoint}.*check the endpoint"):
        table.get(KEY)
    table.close()


def test_a_table_that_was_closed_says_so(dynoxide_endpoint: str) -> None:
    table = DynamoDBTable("runs", endpoint_url=dynoxide_endpoint)
    table.close()

    with pytest.raises(TableUnavailable, match="closed"):
        table.get(KEY)


@pytest.fixture
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A machine on which nobody has configured AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_configuration")
def test_a_region_needs_credentials() -> None:
    table = DynamoDBTable("runs", region="eu-west-1")

    with pytest.raises(TableUnavailable, match=r"credentials for DynamoDB in eu-west-1.*configure"):
        table.get(KEY)


@pytest.mark.usefixtures("no_configuration")
def test_a_table_without_an_endpoint_needs_a_region() -> None:
    with pytest.raises(TableUnavailable, match="dynamodb://<region>/<table>"):
        DynamoDBTable("runs").get(KEY)


@pytest.mark.usefixtures("no_configuration")
def test_a_local_endpoint_needs_no_configuration(dynoxide_endpoint: str) -> None:
    table = DynamoDBTable(new_table_name(), endpoint_url=dynoxide_endpoint)
    table.create()

    table.write(Put({"PK": "a", "SK": "1"}))

    assert table.get(KEY) == {"PK": "a", "SK": "1"}
    table.close()


@pytest.mark.parametrize(
    ("code", "message", "expected", "shown"),
    [
        ("ResourceNotFoundException", "", TableMissing, "runs"),
        ("AccessDeniedException", "", TableUnavailable, "iam-policy"),
        ("UnrecognizedClientException", "", TableUnavailable, "credentials"),
        ("ExpiredTokenException", "", TableUnavailable, "sign in again"),
        ("InvalidSignatureException", "", TableUnavailable, "clock"),
        ("InternalServerError", "try later", TableUnavailable, "try later"),
        ("SomethingNew", "of next year", TableUnavailable, "SomethingNew: of next year"),
        ("ValidationException", "Item size has exceeded the limit", ItemTooLarge, "size"),
        ("ValidationException", "Item size to update has exceeded", ItemTooLarge, "size"),
        (
            "ValidationException",
            "lacks the specified index: GSI1",
            TableUnfit,
            "status --table runs",
        ),
        ("ValidationException", "An operand has an incorrect type", InvalidOps, "operand"),
    ],
)
def test_an_answer_becomes_an_error_of_the_table(
    code: str, message: str, expected: type[TableError], shown: str
) -> None:
    table = DynamoDBTable("runs", endpoint_url="http://127.0.0.1:1", backoff=Backoff(attempts=1))
    Faults(table).fail("UpdateItem", code, message=message)

    with pytest.raises(expected, match=shown) as raised:
        table.write(Update(KEY, set={"x": 1}))

    assert not isinstance(raised.value, botocore.exceptions.ClientError)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("ValidationError", "Item size to update has exceeded the limit", ItemTooLarge),
        ("ValidationError", "An operand has an incorrect data type", InvalidOps),
        ("ItemCollectionSizeLimitExceeded", "collection too large", ItemTooLarge),
    ],
)
def test_the_reason_of_a_cancelled_transaction_becomes_its_error(
    reason: str, message: str, expected: type[TableError]
) -> None:
    table = DynamoDBTable("runs", endpoint_url="http://127.0.0.1:1", backoff=Backoff(attempts=1))
    Faults(table).fail(
        "TransactWriteItems",
        "TransactionCanceledException",
        CancellationReasons=[{"Code": "None"}, {"Code": reason, "Message": message}],
    )

    with pytest.raises(expected, match=message):
        table.write(Put({"PK": "a", "SK": "1"}), Update(("a", "2"), add={"n": 1}))


def _copy(table: DynamoDBTable, source: str, target: str) -> list[Any]:
    """Copy a partition with requests side by side, and return what then is there."""
    found = table.partitions([source, "another"])[source]
    table.bulk(Put({**item, "PK": target}) for item in found)
    return table.partitions([target, "another"])[target]
