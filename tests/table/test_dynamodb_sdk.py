"""What the AWS SDK fails of, before a request and in one: a line with the cause and the fix.

Each configuration is one that the SDK itself reads, from files and variables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from dynamodbstore_table.dynamodb.client import Client
from dynamodbstore_table.dynamodb.retry import Backoff
from dynamodbstore_table.dynamodb.sdk import SdkFailed
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import TableUnavailable
from dynamodbstore_table.port import Put

from tests.commands.endpoints import serving
from tests.engines import free_port

KEY = ("a", "1")
AWS_ENDPOINTS = (
    ("https://dynamodb.eu-central-1.amazonaws.com", "eu-central-1"),
    ("https://vpce-0a1b-xyz.dynamodb.eu-central-1.vpce.amazonaws.com", "eu-central-1"),
    ("https://dynamodb-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ("https://dynamodb.us-east-2.api.aws", "us-east-2"),
    ("https://123456789012.ddb.ap-south-1.amazonaws.com", "ap-south-1"),
    ("https://dynamodb.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("https://dynamodb.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
    ("https://dynamodb.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
)


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of a machine's AWS configuration, still empty; no variable is set."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    return tmp_path / "config"


def error_of(**options: Any) -> str:
    """What a request of a table raises."""
    table = DynamoDBTable("mlflow", **({"region": "eu-central-1"} | options))
    with pytest.raises(TableUnavailable) as raised:
        table.get(KEY)
    table.close()
    message = str(raised.value)
    assert "\n" not in message
    return message


class TestTheConfiguration:
    @pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
    def test_error_for_an_endpoint_that_is_no_url_names_the_variables(
        self, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv(variable, "localhost:8000")

        message = error_of()

        assert "the AWS configuration of this machine can't be used" in message
        assert "Invalid endpoint: localhost:8000" in message
        assert variable in message
        assert "begins with http://" in message

    @pytest.mark.parametrize(
        ("profile", "cause"),
        [
            ("role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = other", '"other"'),
            (
                "aws_access_key_id = x\naws_secret_access_key = y\ndefaults_mode = often",
                "often",
            ),
        ],
    )
    def test_configuration_that_contradicts_itself_is_not_reported_as_the_network(
        self, monkeypatch: pytest.MonkeyPatch, configuration: Path, profile: str, cause: str
    ) -> None:
        configuration.write_text(f"[profile wrong]\n{profile}\n")
        monkeypatch.setenv("AWS_PROFILE", "wrong")

        message = error_of()

        assert cause in message
        assert "profile in the AWS configuration file" in message
        assert "network" not in message

    def test_error_for_a_configuration_that_can_not_be_parsed_names_the_file(
        self, configuration: Path
    ) -> None:
        configuration.write_text("[default\nregion=x")

        message = error_of()

        assert f"Unable to parse config file: {configuration}" in message
        assert "network" not in message

    def test_error_for_a_missing_profile_names_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")

        message = error_of()

        assert "nobody" in message
        assert "the AWS configuration" in message

    def test_configuration_is_read_again_some_seconds_after_it_was_wrong(
        self, monkeypatch: pytest.MonkeyPatch, dynoxide_endpoint: str, configuration: Path
    ) -> None:
        table = DynamoDBTable("not-there", endpoint_url=dynoxide_endpoint)
        configuration.write_text("[default\n")
        with pytest.raises(TableUnavailable):
            table.exists()

        configuration.write_text("[default]\n")
        with pytest.raises(TableUnavailable):
            table.exists()
        monkeypatch.setattr("dynamodbstore_table.dynamodb.client._FAILURE_HOLDS_S", 0.0)

        assert not table.exists()
        table.close()

    def test_wrong_configuration_is_read_once_for_all_threads(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = mock.Mock(side_effect=SdkFailed("no credentials"))
        monkeypatch.setattr("dynamodbstore_table.dynamodb.client.connect", made)
        table = DynamoDBTable("mlflow", region="eu-central-1")

        with ThreadPoolExecutor(8) as threads:
            errors = [threads.submit(table.get, KEY).exception() for _ in range(8)]

        assert [str(error) for error in errors] == ["no credentials"] * 8
        assert made.call_count == 1
        table.close()

    def test_error_for_a_sign_in_that_needs_more_of_the_sdk_names_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, configuration: Path
    ) -> None:
        monkeypatch.setattr("botocore.utils.HAS_CRT", False)
        configuration.write_text("[default]\nlogin_session = arn:aws:iam::123456789012:user/me\n")

        message = error_of()

        assert "pip install 'botocore[crt]'" in message
        assert "network" not in message


class TestCredentials:
    @pytest.mark.parametrize(
        ("profile", "cause", "fix"),
        [
            pytest.param(
                "credential_process = echo Your session has expired",
                "JSONDecodeError",
                "run the credential_process",
                id="no JSON",
            ),
            pytest.param(
                "credential_process = /no/such/program",
                "'/no/such/program'",
                "names this file or program",
                id="no program",
            ),
            pytest.param(
                "credential_process = sh -c 'echo denied >&2; exit 3'",
                "denied",
                "check the variables AWS_*",
                id="a program that fails",
            ),
            pytest.param(
                'credential_process = echo \'{"Version": 1, "AccessKeyId": "A", '
                '"SecretAccessKey": "b", "SessionToken": "t", '
                '"Expiration": "2020-01-01T00:00:00Z"}\'',
                "still expired",
                "sign in again",
                id="expired",
            ),
            pytest.param(
                "sso_start_url = https://x.awsapps.com/start\nsso_region = eu-central-1\n"
                "sso_account_id = 123456789012\nsso_role_name = x",
                "SSO",
                "aws sso login",
                id="not signed in",
            ),
        ],
    )
    def test_error_for_credentials_that_a_profile_can_not_get(
        self,
        monkeypatch: pytest.MonkeyPatch,
        configuration: Path,
        profile: str,
        cause: str,
        fix: str,
    ) -> None:
        configuration.write_text(f"[profile x]\n{profile}\n")
        monkeypatch.setenv("AWS_PROFILE", "x")

        message = error_of()

        assert "no usable AWS credentials for DynamoDB in eu-central-1" in message
        assert cause in message
        assert fix in message

    @pytest.mark.parametrize(
        ("variables", "cause", "fix"),
        [
            pytest.param(
                {
                    "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
                    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/no/token",
                },
                "'/var/run/no/token'",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                id="no token",
            ),
            pytest.param(
                {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x.com/a"},
                "Unsupported host 'x.com'",
                "check the variables AWS_*",
                id="container",
            ),
            pytest.param(
                {"AWS_ACCESS_KEY_ID": "testing"},
                "AWS_SECRET_ACCESS_KEY",
                "check the variables AWS_*",
                id="half of them",
            ),
            pytest.param(
                {"AWS_ACCESS_KEY_ID": "testing\n", "AWS_SECRET_ACCESS_KEY": "hidden"},
                "a line break",
                "check the variables AWS_*",
                id="a line break",
            ),
        ],
    )
    def test_error_for_credentials_that_the_variables_do_not_give(
        self,
        monkeypatch: pytest.MonkeyPatch,
        variables: Mapping[str, str],
        cause: str,
        fix: str,
    ) -> None:
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{free_port()}")

        message = error_of()

        assert "no usable AWS credentials for DynamoDB in eu-central-1" in message
        assert cause in message
        assert fix in message

    def test_credentials_with_a_line_break_are_not_shown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "confidential\n")
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{free_port()}")

        assert "confidential" not in error_of()

    def test_error_for_a_role_that_may_not_be_assumed_names_the_other_service(
        self, monkeypatch: pytest.MonkeyPatch, configuration: Path
    ) -> None:
        denial = {"Error": {"Code": "AccessDenied", "Message": "not authorized: sts:AssumeRole"}}
        configuration.write_text(
            "[profile x]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = y\n"
            "[profile y]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
        )
        monkeypatch.setenv("AWS_PROFILE", "x")
        with serving(403, "text/xml", _as_xml(denial)) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)

            message = error_of()

        assert "no usable AWS credentials for DynamoDB in eu-central-1" in message
        assert "not authorized: sts:AssumeRole" in message
        assert "iam-policy" not in message


class TestTheAnswer:
    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")

    @contextmanager
    def at(self, status: int, content_type: str, body: bytes) -> Iterator[DynamoDBTable]:
        with serving(status, content_type, body) as url:
            table = DynamoDBTable("mlflow", endpoint_url=url, backoff=Backoff(attempts=1))
            yield table
            table.close()

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/html; charset=utf-8", b"<html>Sign in</html>"),
            ("application/x-amz-json-1.0", b'{"Item": '),
            ("application/x-amz-json-1.0", b"[1, 2]"),
            ("application/x-amz-json-1.0", b""),
        ],
    )
    def test_answer_that_is_no_json_object_is_no_item_and_no_write(
        self, content_type: str, body: bytes
    ) -> None:
        with self.at(200, content_type, body) as table:
            with pytest.raises(TableUnavailable, match=f"is not DynamoDB: it sent {content_type}"):
                table.get(KEY)
            with pytest.raises(TableUnavailable, match="check the endpoint, and the proxies"):
                table.write(Put({"PK": "a", "SK": "1"}))

    @pytest.mark.parametrize(
        "body", [b'{"Item": [1, 2]}', b'{"Item": {"PK": 17}}', b'{"Item": {"n": {"B": "\xff"}}}']
    )
    def test_answer_that_the_sdk_can_not_read_is_an_error_of_the_table(self, body: bytes) -> None:
        with (
            self.at(200, "application/x-amz-json-1.0", body) as table,
            pytest.raises(TableUnavailable, match="can't read the answer") as raised,
        ):
            table.get(KEY)

        assert "\n" not in str(raised.value)


class TestTheRegion:
    @pytest.mark.parametrize(("endpoint_url", "region"), AWS_ENDPOINTS)
    def test_region_of_an_endpoint_of_aws_is_in_its_name(
        self, monkeypatch: pytest.MonkeyPatch, endpoint_url: str, region: str
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_REGION", "sa-east-1")

        assert _region_of(endpoint_url) == region

    @pytest.mark.parametrize(("endpoint_url", "region"), AWS_ENDPOINTS)
    def test_endpoint_of_aws_needs_credentials(self, endpoint_url: str, region: str) -> None:
        assert "no usable AWS credentials" in error_of(region=None, endpoint_url=endpoint_url)

    def test_region_is_that_of_aws_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_REGION", "eu-west-3")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-1")

        assert _region_of("http://127.0.0.1:8000") == "eu-west-3"

    def test_region_may_be_the_default_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-1")

        assert _region_of("http://127.0.0.1:8000") == "us-west-1"

    def test_region_of_a_local_engine_needs_no_configuration(self) -> None:
        assert _region_of("http://127.0.0.1:8000") == "us-east-1"

    def test_error_for_a_missing_region_of_an_endpoint_of_aws_names_the_variable(self) -> None:
        message = error_of(region=None, endpoint_url="https://dynamodb.vpce.amazonaws.com")

        assert "set AWS_REGION" in message


def _region_of(endpoint_url: str) -> str:
    client = Client(
        "mlflow",
        region=None,
        endpoint_url=endpoint_url,
        max_connections=1,
        on_request=None,
        backoff=Backoff(),
    )
    region: str = client.sdk().meta.region_name
    client.close()
    return region


def _as_xml(answer: Mapping[str, Any]) -> bytes:
    error = answer["Error"]
    return (
        f"<ErrorResponse><Error><Code>{error['Code']}</Code>"
        f"<Message>{error['Message']}</Message></Error></ErrorResponse>"
    ).encode()
