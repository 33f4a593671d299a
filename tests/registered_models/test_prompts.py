"""Prompts: MLflow's own methods on our registry, and links that no writer loses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.errors import Throttled
from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from mlflow.entities.model_registry import PromptVersion
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as SqlAlchemyTrackingStore
from mlflow.tracing.constant import TraceTagKey
from mlflow.tracking._tracking_service.utils import _use_tracking_uri
from mlflow_dynamodbstore.prompts.linking import LinksPrompts, linking_store
from mlflow_dynamodbstore.stores.build_registry import build_registry_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.tracking.processes import PROCESSES, together
from tests.tracking.stores import refused

TEMPLATE = "Hello {{ name }}"


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"dynamodb:///{tmp_path / 'mlflow.ddb'}?durability=process"


@pytest.fixture
def registry(uri: str) -> DynamoRegistryStore:
    return build_registry_store(uri)


@pytest.fixture
def client(uri: str) -> Iterator[MlflowClient]:
    """A client of the store, which is also the process's own."""
    with _use_tracking_uri(uri):
        yield MlflowClient(uri)


class TestPrompts:
    def test_a_prompt_and_its_versions_are_read_back(self, registry: DynamoRegistryStore) -> None:
        registry.create_prompt("greeting", "says hello", {"team": "a"})
        registry.create_prompt_version("greeting", TEMPLATE, "first", {"tone": "kind"})
        registry.create_prompt_version("greeting", [{"role": "user", "content": TEMPLATE}])
        registry.set_prompt_alias("greeting", "production", 1)

        prompt = registry.get_prompt("greeting")
        first = registry.get_prompt_version_by_alias("greeting", "production")
        second = registry.get_prompt_version("greeting", 2)

        assert (prompt.description, prompt.tags) == ("says hello", {"team": "a"})
        assert (first.version, first.template, first.tags) == (1, TEMPLATE, {"tone": "kind"})
        assert second.template == [{"role": "user", "content": TEMPLATE}]

    def test_models_and_prompts_are_found_apart(self, registry: DynamoRegistryStore) -> None:
        registry.create_registered_model("net")
        registry.create_prompt("greeting")

        assert [model.name for model in registry.search_registered_models()] == ["net"]
        assert [prompt.name for prompt in registry.search_prompts()] == ["greeting"]

    def test_prompts_of_an_experiment_are_found(self, registry: DynamoRegistryStore) -> None:
        for name, experiments in (("a", ",1,12,"), ("b", ",12,"), ("c", ",2,")):
            registry.create_prompt(name)
            registry.set_prompt_tag(name, "_mlflow_experiment_ids", experiments)

        found = registry.search_prompts("experiment_id = '12'")

        assert [prompt.name for prompt in found] == ["a", "b"]

    def test_versions_of_a_prompt_come_newest_first(self, registry: DynamoRegistryStore) -> None:
        registry.create_prompt("greeting")
        for _ in range(3):
            registry.create_prompt_version("greeting", TEMPLATE)

        first = registry.search_prompt_versions("greeting", max_results=2)
        rest = registry.search_prompt_versions("greeting", 2, first.token)

        assert [version.version for version in [*first, *rest]] == [3, 2, 1]

    def test_a_model_is_no_prompt(self, registry: DynamoRegistryStore) -> None:
        registry.create_registered_model("net")

        assert registry.get_prompt("net") is None
        assert registry.get_prompt("nothing") is None
        with refused("INVALID_PARAMETER_VALUE"):
            registry.get_prompt_version("net", 1)

    def test_a_table_that_cant_answer_is_not_taken_for_a_missing_prompt(
        self, registry: DynamoRegistryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(*args: object) -> None:
            raise Throttled("the table is busy")

        monkeypatch.setattr(registry._table, "batch_get", busy)

        with refused("TEMPORARILY_UNAVAILABLE"):
            registry.get_prompt("greeting")


class TestLinks:
    @pytest.fixture
    def run_id(self, client: MlflowClient) -> str:
        run_id: str = client.create_run("0").info.run_id
        return run_id

    @pytest.fixture
    def model(self, client: MlflowClient) -> LoggedModel:
        return client.create_logged_model("0", "net")

    @pytest.fixture
    def greeting(self, registry: DynamoRegistryStore) -> str:
        registry.create_prompt("greeting")
        registry.create_prompt_version("greeting", TEMPLATE)
        registry.set_prompt_alias("greeting", "production", 1)
        return "greeting"

    def test_a_link_to_a_run_stands_once_in_its_tag(
        self, client: MlflowClient, registry: DynamoRegistryStore, run_id: str, greeting: str
    ) -> None:
        registry.link_prompt_version_to_run(greeting, "1", run_id)
        registry.link_prompt_version_to_run(greeting, "production", run_id)

        tag = client.get_run(run_id).data.tags[TraceTagKey.LINKED_PROMPTS]
        assert json.loads(tag) == [{"name": "greeting", "version": "1"}]

    def test_a_link_to_a_logged_model_stands_in_its_tag(
        self,
        client: MlflowClient,
        registry: DynamoRegistryStore,
        model: LoggedModel,
        greeting: str,
    ) -> None:
        registry.link_prompt_version_to_model(greeting, "1", model.model_id)

        tag = client.get_logged_model(model.model_id).tags[TraceTagKey.LINKED_PROMPTS]
        assert json.loads(tag) == [{"name": "greeting", "version": "1"}]

    def test_what_is_missing_is_not_linked(
        self, client: MlflowClient, registry: DynamoRegistryStore, run_id: str, greeting: str
    ) -> None:
        with refused("RESOURCE_DOES_NOT_EXIST"):
            registry.link_prompt_version_to_run(greeting, "2", run_id)
        with refused("RESOURCE_DOES_NOT_EXIST"):
            registry.link_prompt_version_to_run(greeting, "1", "0" * 32)
        with refused("RESOURCE_DOES_NOT_EXIST"):
            registry.link_prompt_version_to_model(greeting, "1", "m-0")

        assert TraceTagKey.LINKED_PROMPTS not in client.get_run(run_id).data.tags

    def test_a_deleted_run_or_model_is_not_linked(
        self,
        client: MlflowClient,
        registry: DynamoRegistryStore,
        run_id: str,
        model: LoggedModel,
        greeting: str,
    ) -> None:
        client.delete_run(run_id)
        client.delete_logged_model(model.model_id)

        with refused("INVALID_PARAMETER_VALUE"):
            registry.link_prompt_version_to_run(greeting, "1", run_id)
        with refused("RESOURCE_DOES_NOT_EXIST"):
            registry.link_prompt_version_to_model(greeting, "1", model.model_id)

    def test_several_processes_lose_no_link(
        self,
        uri: str,
        client: MlflowClient,
        registry: DynamoRegistryStore,
        run_id: str,
        model: LoggedModel,
    ) -> None:
        for worker in range(PROCESSES):
            registry.create_prompt(f"p{worker}")
            for _ in range(6):
                registry.create_prompt_version(f"p{worker}", TEMPLATE)

        def link(worker: int) -> None:
            registry = build_registry_store(uri)
            for version in range(1, 7):
                registry.link_prompt_version_to_run(f"p{worker}", str(version), run_id)
                registry.link_prompt_version_to_model(f"p{worker}", str(version), model.model_id)

        together(link)

        every = {(f"p{worker}", str(n)) for worker in range(PROCESSES) for n in range(1, 7)}
        for tags in (
            client.get_run(run_id).data.tags,
            client.get_logged_model(model.model_id).tags,
        ):
            linked = json.loads(tags[TraceTagKey.LINKED_PROMPTS])
            assert {(link["name"], link["version"]) for link in linked} == every
            assert len(linked) == len(every)

    def test_every_version_of_a_logged_model_stands_in_its_tag(
        self, client: MlflowClient, model: LoggedModel
    ) -> None:
        store = client._tracking_client.store

        for version in (1, 2, 1):
            store.set_model_versions_tags("net", version, model.model_id)

        tag = client.get_logged_model(model.model_id).tags["mlflow.modelVersions"]
        assert json.loads(tag) == [{"name": "net", "version": 1}, {"name": "net", "version": 2}]


class TestLinksInAnotherTrackingStore:
    """Our registry beside MLflow's SQL tracking store, which can't add to a tag itself."""

    @pytest.fixture(scope="class")
    def tracking(
        self, of_mlflow: SqlAlchemyStore, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[SqlAlchemyTrackingStore]:
        folder = tmp_path_factory.mktemp("sql")
        store = SqlAlchemyTrackingStore(of_mlflow.db_uri, folder.as_uri())
        yield store
        store._dispose_engine()

    @pytest.fixture
    def linking(self, tracking: SqlAlchemyTrackingStore) -> LinksPrompts:
        assert not isinstance(tracking, LinksPrompts)
        return linking_store(tracking)

    def test_a_link_to_a_run_is_added_once_to_its_tag(
        self, tracking: SqlAlchemyTrackingStore, linking: LinksPrompts
    ) -> None:
        run_id = tracking.create_run("0", "ada", 1, [], "run").info.run_id

        for version in (1, 2, 1):
            linking.link_prompt_versions_to_run(run_id, [PromptVersion("greeting", version, "Hi")])

        assert linked_in(tracking.get_run(run_id).data.tags) == ["1", "2"]

    def test_a_link_to_a_logged_model_is_added_once_to_its_tag(
        self, tracking: SqlAlchemyTrackingStore, linking: LinksPrompts
    ) -> None:
        model_id = tracking.create_logged_model("0", "net").model_id

        for version in (1, 2, 1):
            linking.link_prompt_versions_to_model(
                model_id, [PromptVersion("greeting", version, "Hi")]
            )

        assert linked_in(tracking.get_logged_model(model_id).tags) == ["1", "2"]


def linked_in(tags: dict[str, str]) -> list[str]:
    return [link["version"] for link in json.loads(tags[TraceTagKey.LINKED_PROMPTS])]
