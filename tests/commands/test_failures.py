"""What the commands say when something is wrong: one line, with what to do next, and exit code 1.

The errors are those that the SDK raises on what DynamoDB really answers.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest
from click.testing import Result
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.commands import endpoints
from tests.commands.cli import FAILED, USAGE, run
from tests.commands.endpoints import answering
from tests.conftest import new_table_name
from tests.engines import free_port

REGION = ("--table", "mlflow", "--region", "eu-central-1")
READING: Mapping[str, tuple[str, ...]] = {
    "denormalize-tags": ("denormalize-tags", "show"),
    "explain": ("explain",),
    "fts-trigrams": ("fts-trigrams", "show"),
    "replay": ("replay",),
    "status": ("status",),
    "ttl-policy": ("ttl-policy", "show"),
}
"""Commands that read a table that is there."""


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nobody has configured AWS, and an SDK that does not wait."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")


def error_of(done: Result, code: int = FAILED) -> str:
    """The only line of a command's standard error."""
    assert done.exit_code == code, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def answered(
    monkeypatch: pytest.MonkeyPatch, body: Mapping[str, Any], *arguments: str, status: int = 400
) -> str:
    """The error of a command to which AWS gives this answer."""
    with answering(body, status) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        return error_of(run(*arguments, *REGION))


@pytest.mark.usefixtures("credentials")
class TestInARegion:
    @pytest.mark.parametrize("command", READING)
    def test_a_missing_table_names_the_commands_that_create_it(
        self, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        line = answered(monkeypatch, endpoints.MISSING, *READING[command])

        assert "there is no table 'mlflow' in eu-central-1" in line
        assert "'sam deploy --guided'" in line
        assert "'mlflow-dynamodbstore create-table --table mlflow --region eu-central-1'" in line

    def test_a_missing_table_may_be_one_of_another_region(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line = answered(monkeypatch, endpoints.MISSING, "status")

        assert "Name the region that it is in" in line

    @pytest.mark.parametrize("command", [*READING, "create-table"])
    def test_denied_access_names_the_action_and_the_policy(
        self, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        arguments = READING.get(command, (command,))

        line = answered(monkeypatch, endpoints.DENIED, *arguments)

        assert "denies dynamodb:DescribeTable on the table 'mlflow'" in line
        assert "because no identity-based policy allows the dynamodb:DescribeTable action" in line
        assert (
            "grant what `mlflow-dynamodbstore iam-policy --table mlflow --region eu-central-1` "
            "prints"
        ) in line

    @pytest.mark.parametrize(
        ("denied", "advice"),
        [
            ("because no VPC endpoint policy allows the action", "the VPC endpoint policy has to"),
            ("because no permissions boundary allows the action", "the permissions boundary has"),
            ("because no session policy allows the action", "the session policy has to allow it"),
            (
                "because no resource-based policy allows the action",
                "the resource-based policy has to allow it",
            ),
            (
                "with an explicit deny in a service control policy",
                "the service control policy forbids it",
            ),
            (
                "with an explicit deny in an identity-based policy: arn:aws:iam::1:policy/p",
                "the identity-based policy forbids it",
            ),
        ],
    )
    def test_denied_access_keeps_the_reason_and_names_the_policy_that_has_to_change(
        self, monkeypatch: pytest.MonkeyPatch, denied: str, advice: str
    ) -> None:
        line = answered(monkeypatch, endpoints.denied("dynamodb:GetItem", denied), "status")

        assert denied in line
        assert advice in line
        assert "iam-policy" not in line

    def test_a_key_that_may_not_be_used_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reason = "because no identity-based policy allows the kms:Decrypt action"

        line = answered(
            monkeypatch,
            endpoints.denied("kms:Decrypt", reason, "arn:aws:kms:eu-central-1:1:key/abc"),
            "status",
        )

        assert "arn:aws:kms:eu-central-1:1:key/abc" in line
        assert "kms:Decrypt of the KMS key that encrypts the table" in line
        assert "iam-policy" not in line

    def test_denied_work_of_an_operator_names_the_policy_of_an_operator(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line = answered(monkeypatch, endpoints.denied("dynamodb:CreateTable", ""), "create-table")

        assert "--region eu-central-1 --for operator` prints" in line

    def test_denied_access_without_a_reason_names_the_policy_of_a_server(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line = answered(monkeypatch, endpoints.denied("dynamodb:GetItem", ""), "status")

        assert "`mlflow-dynamodbstore iam-policy --table mlflow --region eu-central-1`" in line

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            pytest.param(
                endpoints.UNKNOWN_CLIENT, "check the AWS credentials and the region", id="unknown"
            ),
            pytest.param(endpoints.EXPIRED_TOKEN, "sign in again", id="expired"),
            pytest.param(endpoints.WRONG_SIGNATURE, "secret access key", id="signature"),
        ],
    )
    def test_credentials_that_are_refused_say_what_to_check(
        self, monkeypatch: pytest.MonkeyPatch, body: Mapping[str, Any], says: str
    ) -> None:
        assert says in answered(monkeypatch, body, "status")

    def test_a_region_that_there_is_none_of_can_not_be_reached(self) -> None:
        def unknown(host: str, *_: Any, **__: Any) -> None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host}")

        with mock.patch("socket.getaddrinfo", unknown):
            line = error_of(run("status", "--table", "mlflow", "--region", "eu-middle-1"))

        assert "DynamoDB in eu-middle-1 can't be reached" in line
        assert "knows no region 'eu-middle-1'" in line
        assert "check the region, and the network" in line

    def test_an_answer_that_makes_no_sense_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        line = answered(monkeypatch, {"message": "Bad gateway"}, "status", status=502)

        assert "DynamoDB in eu-central-1 answered for the table 'mlflow': 502" in line


class TestCredentials:
    def test_that_are_missing_are_to_be_configured(self) -> None:
        line = error_of(run("status", *REGION))

        assert "no usable AWS credentials for DynamoDB in eu-central-1" in line
        assert "configure them" in line

    def test_that_a_store_lacks_are_told_without_the_frames_of_the_sdk(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(MlflowException) as raised:
            build_tracking_store("dynamodb://eu-central-1/mlflow", str(tmp_path))

        told = "".join(traceback.format_exception(raised.value))
        assert "no usable AWS credentials for DynamoDB in eu-central-1" in told
        assert "botocore" not in told

    @pytest.mark.parametrize("command", READING)
    def test_that_a_program_does_not_print_are_one_line(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
    ) -> None:
        (tmp_path / "config").write_text("[default]\ncredential_process = echo expired\n")

        line = error_of(run(*READING[command], *REGION))

        assert "run the credential_process of the AWS profile by hand" in line

    @pytest.mark.usefixtures("credentials")
    def test_that_can_no_longer_be_renewed_are_503_for_a_client(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dynoxide_endpoint: str
    ) -> None:
        uri = f"dynamodb://{dynoxide_endpoint}/{new_table_name()}"
        store = build_tracking_store(uri, str(tmp_path))
        gone = RuntimeError("Credentials were refreshed, but they are still expired.")
        monkeypatch.setattr(
            "botocore.credentials.Credentials.get_frozen_credentials", mock.Mock(side_effect=gone)
        )

        with pytest.raises(MlflowException, match="sign in again") as raised:
            store.get_run("0" * 32)

        assert raised.value.get_http_status_code() == 503

    def test_of_a_profile_that_there_is_none_of(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")

        assert "nobody" in error_of(run("status", *REGION))


@pytest.mark.usefixtures("credentials")
class TestAtAnEndpoint:
    def test_that_nothing_listens_on(self) -> None:
        url = f"http://127.0.0.1:{free_port()}"

        line = error_of(run("status", "--table", "mlflow", "--endpoint-url", url))

        assert f"DynamoDB in {url} can't be reached" in line
        assert "check the endpoint" in line

    def test_without_the_table(self, dynoxide_endpoint: str) -> None:
        named = "--table", "not-there", "--endpoint-url", dynoxide_endpoint

        line = error_of(run("status", *named))

        assert f"there is no table 'not-there' at {dynoxide_endpoint}" in line
        assert f"'mlflow-dynamodbstore create-table {' '.join(named)}'" in line

    @pytest.mark.parametrize("command", [*READING, "create-table"])
    def test_with_a_table_that_does_not_fit_says_what_differs(
        self, dynoxide_endpoint: str, command: str
    ) -> None:
        name = new_table_name()
        boto3.client("dynamodb", "us-east-1", endpoint_url=dynoxide_endpoint).create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        named = "--table", name, "--endpoint-url", dynoxide_endpoint

        line = error_of(run(*READING.get(command, (command,)), *named))

        assert f"the table '{name}' does not fit this store: its keys are id (number)" in line
        with pytest.raises(MlflowException, match=r"its keys are id \(number\)") as raised:
            build_tracking_store(f"dynamodb://{dynoxide_endpoint}/{name}", "/tmp")
        assert raised.value.error_code == "INVALID_STATE"


class TestOfAFile:
    def test_that_is_not_there(self, tmp_path: Path) -> None:
        line = error_of(run("status", "--store-uri", f"dynamodb:///{tmp_path}/none.ddb"))

        assert f"there is none in the file '{tmp_path}/none.ddb'" in line
        assert f"create-table --store-uri dynamodb:///{tmp_path}/none.ddb" in line

    def test_that_is_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "other.ddb").write_text("This is no store." * 100)

        line = error_of(run("status", "--store-uri", f"dynamodb:///{tmp_path}/other.ddb"))

        assert "other.ddb" in line

    def test_whose_directory_is_not_there(self, tmp_path: Path) -> None:
        uri = f"dynamodb:///{tmp_path}/no/such/directory/mlflow.ddb"

        assert "no/such/directory" in error_of(run("create-table", "--store-uri", uri))

    def test_that_may_not_be_made(self, tmp_path: Path) -> None:
        locked = sqlite3.OperationalError("unable to open database file")
        with mock.patch("dynamodbstore_table.embedded.schema.sqlite3.connect", side_effect=locked):
            line = error_of(run("create-table", "--store-uri", f"dynamodb:///{tmp_path}/new.ddb"))

        assert f"can't use {tmp_path}/new.ddb" in line
        assert "the file and its directory must be readable and writable by this user" in line

    def test_that_a_checkpoint_can_not_be_written_to(
        self, table: SqliteTable, named: tuple[str, str], tmp_path: Path
    ) -> None:
        line = error_of(run("replay", *named, "--checkpoint", tmp_path / "no" / "checkpoint"))

        assert f"can't use '{tmp_path}/no/checkpoint" in line
        assert "No such file or directory. Name a path whose directory is there" in line


class TestTheConfiguration:
    @pytest.mark.parametrize("command", READING)
    def test_that_someone_broke_names_the_item_and_the_field(
        self, table: SqliteTable, named: tuple[str, str], command: str
    ) -> None:
        table.write(Put({"PK": "CONFIG", "SK": "TTL_POLICY", "trace_retention_days": "soon"}))

        line = error_of(run(*READING[command], *named))

        assert "CONFIG/TTL_POLICY is wrong: 'trace_retention_days' is 'soon'" in line
        assert "mlflow-dynamodbstore ttl-policy set" in line


class TestNamingTheTable:
    @pytest.mark.parametrize(
        ("uri", "says"),
        [
            ("sqlite:///mlflow.db", "does not begin with 'dynamodb://'"),
            ("dynamodb://nowhere/mlflow", "neither an AWS region nor <host>:<port>"),
            ("dynamodb://eu-central-1/a", "no table name"),
            ("dynamodb:///mlflow.ddb?durability=none", "durability=full"),
        ],
    )
    def test_by_a_bad_uri_is_wrong_usage_in_a_line_that_shows_the_forms(
        self, uri: str, says: str
    ) -> None:
        line = error_of(run("status", "--store-uri", uri), USAGE)

        assert says in line
        assert "dynamodb://<region>/<table>" in line

    def test_by_nothing_is_wrong_usage_in_a_line_that_names_the_options(self) -> None:
        line = error_of(run("status"), USAGE)

        assert "--table and --region" in line

    def test_secrets_in_a_uri_are_not_shown(self) -> None:
        line = error_of(run("status", "--store-uri", "dynamodb://http://me:secret@h:1/x"), USAGE)

        assert "secret" not in line
