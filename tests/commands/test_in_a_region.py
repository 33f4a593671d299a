"""The commands, and a store, on a table that is named by its region.

The SDK finds the endpoint, as it does for AWS; here it is told of a server on this machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, FAILED, Named, rows, run, run_json
from tests.conftest import new_table_name

REGION = "eu-central-1"

pytestmark = pytest.mark.usefixtures("waits")


@pytest.fixture
def named(dynoxide_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Named:
    """The options that name a new table in a region."""
    for name, value in {
        "AWS_ENDPOINT_URL_DYNAMODB": dynoxide_endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    }.items():
        monkeypatch.setenv(name, value)
    table = new_table_name()
    options = "--table", table, "--region", REGION
    assert run("create-table", *options).exit_code == DONE
    return options


@pytest.fixture
def store(named: Named, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DynamoTrackingStore:
    """A server's store on it, by variables of its own."""
    monkeypatch.setenv("MLFLOW_DYNAMODB_DENORMALIZE_TAGS", "team")
    monkeypatch.setenv("MLFLOW_DYNAMODB_TRACE_RETENTION_DAYS", "7")
    return build_tracking_store(f"dynamodb://{REGION}/{named[1]}", str(tmp_path))


def test_a_table_is_created_once(named: Named) -> None:
    assert run_json("create-table", *named) == {
        "table": named[1],
        "created": False,
        "lacks": [],
    }


def test_the_variables_of_a_server_are_what_the_commands_show(
    store: DynamoTrackingStore, named: Named
) -> None:
    assert run_json("denormalize-tags", "show", *named)["patterns"] == ["mlflow.*", "team"]
    assert run_json("ttl-policy", "show", *named)["trace_retention_days"] == 7


def test_what_is_set_is_shown(store: DynamoTrackingStore, named: Named) -> None:
    for command in (
        ("ttl-policy", "set", "--soft-deleted-retention-days", "3"),
        ("denormalize-tags", "set", "--pattern", "env*"),
        ("denormalize-tags", "set", "--experiment-id", "0", "--pattern", "stage"),
        ("fts-trigrams", "set", "--field", "description"),
    ):
        assert run(*command, *named, "--replay").exit_code == DONE, command

    tags = run_json("denormalize-tags", "show", *named, "--experiment-id", "0")
    assert run_json("ttl-policy", "show", *named)["soft_deleted_retention_days"] == 3
    assert tags["effective"] == ["mlflow.*", "env*", "stage"]
    assert tags["built"] == ["mlflow.*", "env*"]
    assert run_json("fts-trigrams", "show", *named)["built"] == ["name", "description"]


def test_what_is_named_next_names_the_table_in_its_region(named: Named) -> None:
    done = run("denormalize-tags", "set", "--pattern", "team", *named)

    assert f"replay --table {named[1]} --region {REGION} --projection tags" in done.output


def test_a_replay_heals_the_drift_that_it_and_the_status_find(
    store: DynamoTrackingStore, named: Named, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("dynamodbstore_projections.drivers.replay.LAG_SECONDS", 0.0)
    monkeypatch.setenv("MLFLOW_DYNAMODB_PROJECTIONS", "stream")
    unkept = build_tracking_store(f"dynamodb://{REGION}/{named[1]}", str(tmp_path))
    run_id = unkept.create_run("0", "ada", 1, [], "lion").info.run_id
    monkeypatch.delenv("MLFLOW_DYNAMODB_PROJECTIONS")
    assert run("replay", "--verify", *named).exit_code == FAILED
    assert run("status", *named).exit_code == FAILED

    assert run("replay", *named).exit_code == DONE

    assert run("replay", "--verify", *named).exit_code == DONE
    shown = run("status", *named)
    assert shown.exit_code == DONE
    assert "heartbeat search never" in rows(shown.output)
    found = store.search_runs(["0"], "run_name LIKE '%lion%'", ViewType.ALL, 10)
    assert [run.info.run_id for run in found] == [run_id]


def test_a_search_is_explained(store: DynamoTrackingStore, named: Named) -> None:
    done = run("explain", "tags.team = 'cats'", *named)

    assert done.exit_code == DONE
    assert "page: 1000 runs" in done.output
