"""``mlflow-dynamodbstore create-table``: the ways to name a table, and its output."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner, Result
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from mlflow_dynamodbstore import cli, location
from mlflow_dynamodbstore.commands.table_options import resolve_location
from mlflow_dynamodbstore.location import EndpointLocation, FileLocation, RegionLocation
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.conftest import new_table_name
from tests.engines import free_port

DONE, FAILED, USAGE = 0, 1, 2


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["create-table", *arguments])


class TestNamingTheTable:
    def test_create_table_takes_a_region(self) -> None:
        found = resolve_location("mlflow", "eu-central-1", None, None)

        assert found == RegionLocation("eu-central-1", "mlflow")

    def test_create_table_takes_an_endpoint(self) -> None:
        found = resolve_location("mlflow", None, "http://127.0.0.1:8000/", None)

        assert found == EndpointLocation("http://127.0.0.1:8000", "mlflow")

    def test_create_table_takes_a_store_uri(self) -> None:
        found = resolve_location(None, None, None, "dynamodb:///mlflow.ddb")

        assert found == FileLocation(Path("mlflow.ddb"))

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--table", "mlflow"],
            ["--region", "eu-central-1"],
            ["--table", "mlflow", "--region", "eu-central-1", "--endpoint-url", "http://h:1"],
            ["--table", "mlflow", "--store-uri", "dynamodb:///mlflow.ddb"],
        ],
    )
    def test_too_little_or_too_much_is_wrong_usage(self, arguments: list[str]) -> None:
        done = run(*arguments)

        assert done.exit_code == USAGE
        assert "--store-uri" in done.output

    def test_a_bad_uri_is_wrong_usage_and_shows_the_forms(self) -> None:
        done = run("--store-uri", "dynamodb://nowhere/mlflow")

        assert done.exit_code == USAGE
        assert "dynamodb://<region>/<table>" in done.output.replace("\n", " ")


class TestCreating:
    def test_create_table_on_a_server(self, dynoxide_endpoint: str) -> None:
        name = new_table_name()

        first = run("--table", name, "--endpoint-url", dynoxide_endpoint)
        second = run("--table", name, "--endpoint-url", dynoxide_endpoint)

        assert (first.exit_code, second.exit_code) == (DONE, DONE)
        assert f"{name}: created" in first.output
        assert f"{name}: already there" in second.output
        assert DynamoDBTable(name, endpoint_url=dynoxide_endpoint).exists()

    def test_create_table_makes_a_file_and_prints_json(self, tmp_path: Path) -> None:
        path = tmp_path / "mlflow.ddb"

        first = run("--store-uri", f"dynamodb:///{path}", "--json")
        second = run("--store-uri", f"dynamodb:///{path}", "--json")

        found = {"table": str(path), "lacks": []}
        assert json.loads(first.stdout) == {**found, "created": True}
        assert json.loads(second.stdout) == {**found, "created": False}

    def test_a_store_works_on_what_was_created(self, tmp_path: Path) -> None:
        uri = f"dynamodb:///{tmp_path}/mlflow.ddb"
        run("--store-uri", uri)

        assert build_tracking_store(uri, str(tmp_path)).get_experiment("0").name == "Default"

    def test_a_server_that_is_not_there_is_an_error_in_words(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        done = run("--table", "mlflow", "--endpoint-url", f"http://127.0.0.1:{free_port()}")

        assert done.exit_code == FAILED
        assert "Error: The store's table can't serve this now" in done.stderr
        assert "Traceback" not in done.output


class TestMissingTable:
    def test_error_for_a_missing_table_in_a_region_names_the_command_to_run(
        self, dynoxide_endpoint: str, tmp_path: Path
    ) -> None:
        name = new_table_name()
        region = RegionLocation("eu-central-1", name)
        there = DynamoDBTable(name, endpoint_url=dynoxide_endpoint)

        with (
            mock.patch("mlflow_dynamodbstore.opening.parse_location", return_value=region),
            mock.patch("mlflow_dynamodbstore.opening.open_table", return_value=there),
            pytest.raises(Exception, match="sam deploy") as refusal,
        ):
            build_tracking_store(f"dynamodb://eu-central-1/{name}", str(tmp_path))

        (command,) = (
            part for part in str(refusal.value).split("'") if part.startswith("mlflow-dynamodb")
        )
        _, *arguments = command.split()
        assert arguments == ["create-table", "--table", name, "--region", "eu-central-1"]
        assert location.parse_location(f"dynamodb://eu-central-1/{name}") == region
        assert not there.exists()
