"""``mlflow-dynamodbstore iam-policy``: what is needed is granted, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import botocore.session
import dynamodbstore_table
import pytest
from dynamodbstore_table.dynamodb.actions import ACTIONS, AT_START, ON_ITEMS, ON_TABLES
from mlflow.tracking._tracking_service.utils import _use_tracking_uri
from mlflow_dynamodbstore.commands import waiting
from mlflow_dynamodbstore.entry import registry_store
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, USAGE, run, run_json
from tests.commands.recorded import granted, recorded_needs
from tests.commands.server_work import (
    Recorded,
    operations_of,
    work_of_registry,
    work_of_tracking,
)
from tests.conftest import new_table_name

ACCOUNT = "123456789012"
REGION = ("--table", "mlflow", "--region", "eu-central-1")
TABLE_ARN = f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/mlflow"


def policy_for(role: str, *more: str) -> dict[str, Any]:
    return run_json("iam-policy", *REGION, "--account", ACCOUNT, "--for", role, *more)


@pytest.fixture
def named(dynoxide_endpoint: str) -> tuple[str, ...]:
    return "--table", new_table_name(), "--endpoint-url", dynoxide_endpoint


class TestOfAServer:
    def test_grants_what_its_operations_need_and_nothing_else(
        self, named: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, name, _, url = named
        uri = f"dynamodb://{url}/{name}"
        assert run("create-table", *named).exit_code == DONE
        monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        monkeypatch.setenv("MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES", "0")

        # By the process's tracking URI the registry finds the runs that prompts are linked to.
        with recorded_needs() as needs, _use_tracking_uri(uri):
            store = build_tracking_store(uri, str(tmp_path))
            tracking = Recorded(store)
            work_of_tracking(tracking)
            registry = Recorded(registry_store(uri))
            run_id = store.create_run("0", "ada", 1, [], "lion").info.run_id
            model_id = store.create_logged_model("0").model_id
            work_of_registry(registry, run_id, model_id)

        assert granted(policy_for("server"), TABLE_ARN) == needs
        assert operations_of(DynamoTrackingStore) - tracking.called == set()
        assert operations_of(DynamoRegistryStore) - registry.called == set()


class TestOfAnOperator:
    def test_grants_what_the_commands_need_and_nothing_else(
        self, named: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What a command waits for is that other processes hear of a change; there are none.
        monkeypatch.setattr(waiting, "sleep", lambda seconds: None)
        _, name, _, url = named
        with recorded_needs() as needs:
            assert run("create-table", *named).exit_code == DONE
        work_of_tracking(build_tracking_store(f"dynamodb://{url}/{name}", str(tmp_path)))

        with recorded_needs() as more:
            for command in (
                ("denormalize-tags", "set", "--pattern", "team"),
                ("ttl-policy", "set", "--trace-retention-days", "7"),
                ("fts-trigrams", "set", "--field", "description", "--replay"),
                ("replay", "--verify"),
                ("explain", "run_name LIKE '%lion%'"),
                ("status",),
            ):
                assert run(*command, *named).exit_code == DONE, command

        assert granted(policy_for("operator"), TABLE_ARN) >= needs | more
        assert {action for action, _ in granted(policy_for("operator"), TABLE_ARN)} == {
            action for action, _ in granted(policy_for("server"), TABLE_ARN) | needs | more
        }

    def test_may_read_the_lag_if_that_is_asked_for(self) -> None:
        (*others, lag) = policy_for("operator", "--with-metrics")["Statement"]

        assert lag["Action"] == ["cloudwatch:GetMetricData"]
        assert all(statement["Resource"] != "*" for statement in others)


class TestOfEither:
    @pytest.mark.parametrize("role", ["server", "operator"])
    def test_has_no_wildcards(self, role: str) -> None:
        assert "*" not in str(policy_for(role))

    @pytest.mark.parametrize(
        ("region", "partition"),
        [
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-east-1", "aws"),
            ("eusc-de-east-1", "aws-eusc"),
        ],
    )
    def test_is_of_the_regions_partition(self, region: str, partition: str) -> None:
        named = "--table", "mlflow", "--region", region

        (first, *_) = run_json("iam-policy", *named)["Statement"]

        assert first["Resource"] == f"arn:{partition}:dynamodb:{region}:*:table/mlflow"

    def test_for_a_region_that_the_sdk_does_not_know_is_doubted(self) -> None:
        done = run("iam-policy", "--table", "mlflow", "--region", "eu-central-9", "--json")

        assert done.exit_code == DONE
        assert "knows no region 'eu-central-9'. Is it eu-central-" in done.stderr
        assert '"arn:aws:dynamodb:eu-central-9:*:table/mlflow"' in done.stdout

    def test_is_printed_as_a_document_too(self) -> None:
        printed = run("iam-policy", *REGION).output

        assert printed.startswith('{\n  "Version": "2012-10-17"')

    @pytest.mark.parametrize(
        "options",
        [
            ("--store-uri", "dynamodb:///mlflow.ddb"),
            ("--table", "mlflow", "--endpoint-url", "http://127.0.0.1:8000"),
            ("--table", "mlflow", "--region", "xx-nowhere-1"),
            (*REGION, "--account", "12"),
        ],
    )
    def test_of_what_has_none_is_wrong_usage(self, options: tuple[str, ...]) -> None:
        done = run("iam-policy", *options)

        assert done.exit_code == USAGE
        assert len(done.stderr.splitlines()) == 1


def test_every_request_of_the_adapter_has_its_actions() -> None:
    session = botocore.session.get_session()
    client = session.create_client(
        "dynamodb", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    folder = Path(next(iter(dynamodbstore_table.__path__)))
    files = [path for path in folder.rglob("*.py") if path.name != "actions.py"]
    texts = {
        node.value
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert texts & set(client.meta.method_to_api_mapping) == set(ACTIONS)
    assert {*ON_ITEMS, *AT_START, *ON_TABLES} == set(ACTIONS)
