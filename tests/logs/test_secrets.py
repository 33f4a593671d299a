"""No event holds a tag's or a param's value, or a secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.entities import RUN, Entity
from dynamodbstore_table.dynamodb.shaped import ShapedDynamoDBTable
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import InvalidOps, ItemTooLarge, TableError
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelParameter,
    LoggedModelTag,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookEvent
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore import logs, projection_mode, slow_calls
from mlflow_dynamodbstore.location import RegionLocation
from mlflow_dynamodbstore.stores.build_registry import build_registry_store
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore
from mlflow_dynamodbstore.webhooks import webhook_secrets

from tests.conftest import new_table_name
from tests.logs.conftest import Events
from tests.table.faults import Faults

SECRET = "hunter2"
THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture(autouse=True)
def everything_is_logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every call counts as slow, and this process has logged no event yet."""
    monkeypatch.setattr(logs, "_STARTED", set())
    before = slow_calls.LIMIT.seconds
    yield
    slow_calls.LIMIT.seconds = before


@dataclass
class Opened:
    """What was opened with secret credentials, and the tables of both."""

    tracking: DynamoTrackingStore
    registry: DynamoRegistryStore
    tables: list[DynamoDBTable]

    def fail(self, *operations: str) -> None:
        """Let the next request of each of these kinds be throttled, by both tables."""
        for table in self.tables:
            faults = Faults(table)
            for operation in operations:
                faults.fail(operation, THROTTLED, times=1, message=f"slow down, {SECRET}")


@pytest.fixture
def open_both(
    dynoxide_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Opened]:
    """Opens a tracking store and a registry with secret credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{SECRET}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"{SECRET}-token")
    monkeypatch.setenv("MLFLOW_FLASK_SERVER_SECRET_KEY", SECRET)
    monkeypatch.setenv("MLFLOW_AUTH_ADMIN_PASSWORD", SECRET)
    tables: list[DynamoDBTable] = []
    make = ShapedDynamoDBTable

    def remember(*arguments: Any, **options: Any) -> DynamoDBTable:
        tables.append(make(*arguments, **options))
        return tables[-1]

    monkeypatch.setattr("dynamodbstore_table.dynamodb.shaped.ShapedDynamoDBTable", remember)
    uri = f"dynamodb://{dynoxide_endpoint}/{new_table_name()}"

    def both() -> Opened:
        tracking, registry = build_tracking_store(uri, str(tmp_path)), build_registry_store(uri)
        slow_calls.LIMIT.seconds = 0.0
        return Opened(tracking, registry, tables)

    return both


def log_secrets(store: DynamoTrackingStore) -> None:
    """Give the store a secret wherever a user's values go."""
    experiment = store.create_experiment("lions", tags=[ExperimentTag("token", SECRET)])
    store.set_experiment_tag(experiment, ExperimentTag("password", SECRET))
    run_id = store.create_run(experiment, "ada", 1, [RunTag("token", SECRET)], SECRET).info.run_id
    store.log_param(run_id, Param("password", SECRET))
    store.set_tag(run_id, RunTag("mlflow.note.content", SECRET))
    store.log_batch(run_id, [], [Param("api_key", SECRET)], [RunTag("api_key", SECRET)])
    dataset = Dataset("faces", "abc123", "http", f'{{"url": "https://u:{SECRET}@h"}}')
    store.log_inputs(run_id, [DatasetInput(dataset, [InputTag("key", SECRET)])])
    store.create_logged_model(
        experiment,
        tags=[LoggedModelTag("token", SECRET)],
        params=[LoggedModelParameter("password", SECRET)],
    )
    with pytest.raises(MlflowException):
        store.log_param(run_id, Param("password", "another"))
    store.update_run_info(run_id, RunStatus.FINISHED, 5, None)
    store.search_runs([experiment], f"params.password = '{SECRET}'", ViewType.ALL, 10)
    store.search_runs([experiment], f"tags.token LIKE '%{SECRET}%'", ViewType.ALL, 10)
    store.search_experiments(filter_string=f"tags.token = '{SECRET}'")
    store.search_logged_models([experiment], f"params.password = '{SECRET}'")


def register_secrets(registry: DynamoRegistryStore) -> None:
    """Give the registry a secret wherever a user's values go."""
    registry.create_registered_model("lion", [RegisteredModelTag("token", SECRET)], SECRET)
    registry.set_registered_model_tag("lion", RegisteredModelTag("password", SECRET))
    registry.update_registered_model("lion", f"described by {SECRET}")
    source, tags = f"s3://{SECRET}@bucket/model", [ModelVersionTag("token", SECRET)]
    registry.create_model_version("lion", source, tags=tags, description=SECRET)
    registry.set_model_version_tag("lion", "1", ModelVersionTag("password", SECRET))
    registry.update_model_version("lion", "1", f"described by {SECRET}")
    registry.search_registered_models(f"tags.token = '{SECRET}'")
    registry.search_model_versions(f"tags.token LIKE '%{SECRET}%'")
    events = [WebhookEvent.from_str("registered_model.created")]
    url = f"https://user:{SECRET}@8.8.8.8/hook?key={SECRET}"
    webhook = registry.create_webhook("hook", url, events, SECRET, SECRET)
    registry.update_webhook(webhook.webhook_id, secret=f"new {SECRET}")
    registry.list_webhooks()
    with pytest.raises(MlflowException):
        registry.create_registered_model("lion", [RegisteredModelTag("token", SECRET)])
    registry.delete_registered_model("lion")


def everything_logged(caplog: pytest.LogCaptureFixture) -> str:
    """The text of every record of ours, its fields and its traceback included."""
    ours = [r for r in caplog.records if r.name.startswith(("mlflow_dynamodb", "dynamodbstore"))]
    return "\n".join(f"{logging.Formatter().format(record)} {vars(record)}" for record in ours)


def test_slow_operations_and_retries_do_not_log_secrets(
    open_both: Callable[[], Opened], events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    opened = open_both()
    opened.fail("PutItem", "UpdateItem", "TransactWriteItems", "Query")

    log_secrets(opened.tracking)

    assert len(events("started")) == 2
    assert {"create_run", "log_param", "search_runs"} <= {
        event["operation"] for event in events("slow_operation")
    }
    assert len(events("request_retried")) >= 3
    assert SECRET not in everything_logged(caplog)


def test_slow_operations_of_registry_and_webhooks_do_not_log_secrets(
    open_both: Callable[[], Opened],
    events: Events,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", raising=False)
    webhook_secrets._warn_of_missing_key.cache_clear()
    opened = open_both()
    opened.fail("PutItem", "UpdateItem", "TransactWriteItems", "Query")

    register_secrets(opened.registry)

    assert {
        "create_registered_model",
        "create_model_version",
        "search_model_versions",
        "create_webhook",
        "update_webhook",
    } <= {event["operation"] for event in events("slow_operation")}
    assert len(events("request_retried")) >= 3
    (missing,) = events("webhook_key_missing")
    assert missing["variable"] == "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"
    assert SECRET not in everything_logged(caplog)


@pytest.mark.parametrize("error", [InvalidOps(SECRET), ItemTooLarge(SECRET)])
def test_delayed_work_does_not_log_the_values_that_it_met(
    error: TableError, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    logs.removal_delayed("RM#1", error)
    logs.expiry_delayed(error)

    assert events("removal_delayed")[0]["entity"] == "RM#1"
    assert events("expiry_delayed")[0]["error"] == type(error).__name__
    assert SECRET not in everything_logged(caplog)


@pytest.mark.parametrize("error", [ValueError(SECRET), InvalidOps(SECRET), KeyError(SECRET)])
def test_projections_that_fail_on_a_secret_do_not_log_it(
    error: Exception, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    projection_mode._warn_of_failures({Entity(RUN, "1"): error})

    (event,) = events("projections_behind")
    assert event["entity"] == "RUN#1"
    assert event["error"] == type(error).__name__
    assert SECRET not in everything_logged(caplog)


@pytest.mark.parametrize("every", [True, False])
def test_stream_functions_missing_names_the_projections_and_what_to_do(
    events: Events, every: bool
) -> None:
    logs.stream_functions_missing(
        RegionLocation("eu-central-1", "mlflow"), ["fts", "tags"], every=every
    )

    (found,) = events("stream_functions_missing")
    assert found["projections"] == ["fts", "tags"]
    assert ("of a version that does not keep" in found["meaning"]) is not every
    assert "sam deploy --guided --region eu-central-1" in found["do"]
    assert "ExistingStreamArn" in found["if_made_by_create_table"]
