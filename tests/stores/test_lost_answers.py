"""Every write of both stores succeeds when an answer is lost, and is projected also in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from unittest import mock

import pytest
from _pytest.mark import ParameterSet
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from mlflow.entities import (
    ExperimentTag,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.conftest import new_table_name
from tests.projections.replays import drift_of
from tests.table.faults import Faults

SDK_ATTEMPTS = 4
TAG = RunTag("k", "v")
LONG = "long text " * 2_000


@dataclass
class Stores:
    """Both stores of one table, and what is in it: an experiment, a deleted one, a run, a logged
    model, a registered model with two versions, a webhook."""

    table: DynamoDBTable
    tracking: DynamoTrackingStore
    registry: DynamoRegistryStore

    def fill(self) -> None:
        """Make what the writes change."""
        tracking, registry = self.tracking, self.registry
        self.experiment = tracking.create_experiment("zoo")
        tracking.set_experiment_tag(self.experiment, ExperimentTag("k", "v"))
        self.deleted = tracking.create_experiment("gone")
        tracking.delete_experiment(self.deleted)
        self.run = self.new_run("lion")
        tracking.log_batch(self.run, [Metric("m", 1.0, 1, 1)], [], [TAG])
        self.deleted_run = self.new_run("dodo")
        tracking.delete_run(self.deleted_run)
        self.model = tracking.create_logged_model(self.experiment, "net").model_id
        tracking.set_logged_model_tags(self.model, [LoggedModelTag("k", "v")])
        registry.create_registered_model("net", tags=[RegisteredModelTag("k", "v")])
        for _ in range(2):
            registry.create_model_version("net", "s", tags=[ModelVersionTag("k", "v")])
        registry.set_registered_model_alias("net", "best", "1")
        self.webhook = registry.create_webhook("hook", "https://example.com", [EVENT]).webhook_id

    def new_run(self, name: str) -> str:
        """The id of a new run of the experiment."""
        run_id: str = self.tracking.create_run(self.experiment, "ada", 1, [], name).info.run_id
        return run_id


EVENT = WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED)

WRITES: dict[str, Callable[[Stores], object]] = {
    "create_experiment": lambda s: s.tracking.create_experiment("new"),
    "delete_experiment": lambda s: s.tracking.delete_experiment(s.experiment),
    "restore_experiment": lambda s: s.tracking.restore_experiment(s.deleted),
    "rename_experiment": lambda s: s.tracking.rename_experiment(s.experiment, "park"),
    "set_experiment_tag": lambda s: s.tracking.set_experiment_tag(
        s.experiment, ExperimentTag("mlflow.note.content", "v")
    ),
    "delete_experiment_tag": lambda s: s.tracking.delete_experiment_tag(s.experiment, "k"),
    "create_run": lambda s: s.new_run("tiger"),
    "update_run_info": lambda s: s.tracking.update_run_info(
        s.run, RunStatus.FINISHED, 5, "leopard"
    ),
    "update_run_info without a name": lambda s: s.tracking.update_run_info(
        s.run, RunStatus.FAILED, 5, None
    ),
    "delete_run": lambda s: s.tracking.delete_run(s.run),
    "restore_run": lambda s: s.tracking.restore_run(s.deleted_run),
    "set_tag": lambda s: s.tracking.set_tag(s.run, RunTag("mlflow.user", "bob")),
    "set_tag of a long text": lambda s: s.tracking.set_tag(s.run, RunTag("k", LONG)),
    "delete_tag": lambda s: s.tracking.delete_tag(s.run, "k"),
    "log_param": lambda s: s.tracking.log_param(s.run, Param("p", "1")),
    "log_metric": lambda s: s.tracking.log_metric(s.run, Metric("m", 2.0, 2, 2)),
    "log_metric out of order": lambda s: s.tracking.log_metric(s.run, Metric("m", 0.5, 0, 0)),
    "log_batch": lambda s: s.tracking.log_batch(
        s.run, [Metric("n", 2.0, 2, 2)], [Param("p", "1")], [RunTag("mlflow.runName", "puma")]
    ),
    "log_batch of many": lambda s: s.tracking.log_batch(
        s.run, [Metric(f"n{n}", 2.0, 2, 2) for n in range(120)], [Param("p", "1")], [TAG]
    ),
    "create_logged_model": lambda s: s.tracking.create_logged_model(s.experiment, "other"),
    "finalize_logged_model": lambda s: s.tracking.finalize_logged_model(
        s.model, LoggedModelStatus.READY
    ),
    "set_logged_model_tags": lambda s: s.tracking.set_logged_model_tags(
        s.model, [LoggedModelTag("a", "1"), LoggedModelTag("b", LONG)]
    ),
    "delete_logged_model_tag": lambda s: s.tracking.delete_logged_model_tag(s.model, "k"),
    "log_logged_model_params": lambda s: s.tracking.log_logged_model_params(
        s.model, [LoggedModelParameter("a", "1")]
    ),
    "delete_logged_model": lambda s: s.tracking.delete_logged_model(s.model),
    "create_registered_model": lambda s: s.registry.create_registered_model("new"),
    "update_registered_model": lambda s: s.registry.update_registered_model("net", LONG),
    "rename_registered_model": lambda s: s.registry.rename_registered_model("net", "web"),
    "delete_registered_model": lambda s: s.registry.delete_registered_model("net"),
    "set_registered_model_tag": lambda s: s.registry.set_registered_model_tag(
        "net", RegisteredModelTag("a", LONG)
    ),
    "delete_registered_model_tag": lambda s: s.registry.delete_registered_model_tag("net", "k"),
    "set_registered_model_alias": lambda s: s.registry.set_registered_model_alias("net", "b", "2"),
    "delete_registered_model_alias": lambda s: s.registry.delete_registered_model_alias(
        "net", "best"
    ),
    "create_model_version": lambda s: s.registry.create_model_version("net", "s"),
    "update_model_version": lambda s: s.registry.update_model_version("net", "1", LONG),
    "delete_model_version": lambda s: s.registry.delete_model_version("net", "1"),
    "transition_model_version_stage": lambda s: s.registry.transition_model_version_stage(
        "net", "1", "Production", False
    ),
    "set_model_version_tag": lambda s: s.registry.set_model_version_tag(
        "net", "1", ModelVersionTag("a", "b")
    ),
    "delete_model_version_tag": lambda s: s.registry.delete_model_version_tag("net", "1", "k"),
    "create_webhook": lambda s: s.registry.create_webhook("h", "https://example.com", [EVENT]),
    "update_webhook": lambda s: s.registry.update_webhook(s.webhook, name="other"),
    "delete_webhook": lambda s: s.registry.delete_webhook(s.webhook),
}


def cases(*quick: str) -> Iterable[ParameterSet]:
    """Every write; those that are not named are marked e2e."""
    for name, write in WRITES.items():
        marks = () if name in quick else pytest.mark.e2e
        yield pytest.param(write, id=name, marks=marks)


@pytest.fixture(autouse=True)
def _sdk_retries_at_once() -> Iterator[None]:
    with mock.patch("botocore.endpoint.time.sleep"):
        yield


@pytest.fixture
def stores(dynoxide_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    # No name is resolved: a test makes no request to the network.
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    table = DynamoDBTable(
        new_table_name(),
        endpoint_url=dynoxide_endpoint,
        observer=InlineObserver(inline_projections(), lambda failed: None),
    )
    table.create()
    tracking = DynamoTrackingStore(table, "memory:/")
    stores = Stores(table, tracking, DynamoRegistryStore(table))
    stores.fill()
    yield stores
    table.close()


@pytest.mark.parametrize(
    "write",
    cases(
        "delete_experiment",
        "restore_experiment",
        "delete_tag",
        "delete_experiment_tag",
        "delete_webhook",
    ),
)
def test_write_succeeds_when_its_answer_is_lost(
    stores: Stores, write: Callable[[Stores], object]
) -> None:
    Faults(stores.table).lose_next_answers()

    write(stores)

    assert drift_of(stores.table).examples == {}


@pytest.mark.parametrize(
    "write",
    cases("delete_experiment", "create_run", "update_run_info", "log_batch", "set_tag"),
)
def test_write_is_projected_when_it_ended_in_doubt(
    stores: Stores, write: Callable[[Stores], object]
) -> None:
    Faults(stores.table).lose_next_answers(SDK_ATTEMPTS)

    with pytest.raises(MlflowException) as raised:
        write(stores)

    assert raised.value.error_code == "TEMPORARILY_UNAVAILABLE"
    assert drift_of(stores.table).examples == {}
