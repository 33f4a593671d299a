"""``mlflow-dynamodbstore iam-policy``: what is needed is granted, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import botocore.session
import dynamodbstore_table
import pytest
from dynamodbstore_table.dynamodb_actions import ACTIONS, ON_ITEMS, ON_TABLES
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.store.model_registry.abstract_store import AbstractStore as RegistryStore
from mlflow_dynamodbstore.build import build_tracking_store
from mlflow_dynamodbstore.commands import waiting
from mlflow_dynamodbstore.entry import registry_store
from mlflow_dynamodbstore.tracking.store import DynamoTrackingStore

from tests.commands.cli import DONE, USAGE, run, run_json
from tests.commands.recorded import granted, recorded_needs
from tests.conftest import new_table_name

ACCOUNT = "123456789012"
REGION = ("--table", "mlflow", "--region", "eu-central-1")
TABLE_ARN = f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/mlflow"


def policy_for(role: str, *more: str) -> dict[str, Any]:
    return run_json("iam-policy", *REGION, "--account", ACCOUNT, "--for", role, *more)


def work_of_a_server(store: DynamoTrackingStore) -> None:
    """Each kind of operation that a tracking server does."""
    store.search_experiments(filter_string="name LIKE '%fault%'")
    experiment = store.create_experiment("lions", tags=[ExperimentTag("team", "cats")])
    run_id = store.create_run(experiment, "ada", 1, [RunTag("team", "cats")], "lion").info.run_id
    other = store.create_run(experiment, "ada", 2, [], "tiger").info.run_id
    store.log_metric(run_id, Metric("loss", 0.5, 1, 1))
    store.log_metric(run_id, Metric("loss", 0.4, 0, 0))
    store.log_param(run_id, Param("depth", "3"))
    many = [Metric(f"m{number}", 1.0, 1, 1) for number in range(150)]
    store.log_batch(run_id, many, [Param("width", "4")], [RunTag("stage", "fitted")])
    store.set_tag(run_id, RunTag("mlflow.note.content", "x"))
    store.delete_tag(run_id, "team")
    dataset = Dataset("faces", "abc123", "local", "{}")
    store.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    model = store.create_logged_model(experiment, name="m", source_run_id=run_id)
    store.search_logged_models([experiment])
    store.get_metric_history(run_id, "loss")
    store.update_run_info(run_id, RunStatus.FINISHED, 5, None)
    store.update_run_info(other, RunStatus.FINISHED, 5, None)
    store.search_runs([experiment], "run_name LIKE '%lion%'", ViewType.ALL, 10)
    store.search_runs([experiment], "params.depth = '3'", ViewType.ALL, 10)
    store.rename_experiment(experiment, "tigers")
    store.delete_run(other)
    store.restore_run(other)
    store.delete_logged_model(model.model_id)
    store._hard_delete_logged_model(model.model_id)
    store.delete_run(run_id)
    store._get_deleted_runs()
    store._hard_delete_run(run_id)
    store.delete_experiment(experiment)
    store.restore_experiment(experiment)
    store.delete_experiment(experiment)
    store._hard_delete_experiment(experiment)


def work_of_a_registry(store: RegistryStore) -> None:
    """Each kind of operation that a server does on registered models."""
    store.create_registered_model("lion", [RegisteredModelTag("team", "cats")], "roars")
    store.create_model_version("lion", "file:///m", run_id=None)
    store.transition_model_version_stage("lion", "1", "Production", False)
    store.set_registered_model_alias("lion", "best", "1")
    store.set_model_version_tag("lion", "1", ModelVersionTag("stage", "fitted"))
    store.search_registered_models("name LIKE '%lion%'")
    store.search_model_versions("name = 'lion'")
    store.get_latest_versions("lion")
    store.rename_registered_model("lion", "tiger")
    store.delete_model_version("tiger", "1")
    store.delete_registered_model("tiger")


@pytest.fixture
def named(dynoxide_endpoint: str) -> tuple[str, ...]:
    return "--table", new_table_name(), "--endpoint-url", dynoxide_endpoint


class TestOfAServer:
    def test_grants_what_its_operations_need_and_nothing_else(
        self, named: tuple[str, ...], tmp_path: Path
    ) -> None:
        _, name, _, url = named
        assert run("create-table", *named).exit_code == DONE

        with recorded_needs() as needs:
            store = build_tracking_store(f"dynamodb://{url}/{name}", str(tmp_path))
            work_of_a_server(store)
            work_of_a_registry(registry_store(f"dynamodb://{url}/{name}"))

        assert granted(policy_for("server"), TABLE_ARN) == needs


class TestOfAnOperator:
    def test_grants_what_the_commands_need_and_nothing_else(
        self, named: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What a command waits for is that other processes hear of a change; there are none.
        monkeypatch.setattr(waiting, "sleep", lambda seconds: None)
        _, name, _, url = named
        with recorded_needs() as needs:
            assert run("create-table", *named).exit_code == DONE
        work_of_a_server(build_tracking_store(f"dynamodb://{url}/{name}", str(tmp_path)))

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
        [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-east-1", "aws")],
    )
    def test_is_of_the_regions_partition(self, region: str, partition: str) -> None:
        named = "--table", "mlflow", "--region", region

        (first, *_) = run_json("iam-policy", *named)["Statement"]

        assert first["Resource"] == f"arn:{partition}:dynamodb:{region}:*:table/mlflow"

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
    files = [path for path in folder.glob("*.py") if path.name != "dynamodb_actions.py"]
    texts = {
        node.value
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert texts & set(client.meta.method_to_api_mapping) == set(ACTIONS)
    assert {*ON_ITEMS, *ON_TABLES} == set(ACTIONS)
