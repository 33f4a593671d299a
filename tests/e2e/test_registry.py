"""The registry over HTTP: one ``mlflow server`` that is given its backend store alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mlflow
import numpy as np
import pytest
import requests
from cryptography.fernet import Fernet
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookEvent
from mlflow.tracing.constant import TraceTagKey
from mlflow.tracking._tracking_service.utils import _use_tracking_uri
from sklearn.linear_model import LinearRegression

from tests.e2e.mlflow_server import MlflowServer
from tests.e2e.training import lines_of_ours
from tests.e2e.webhook_listener import Listener, listening

_INPUTS = np.array([[0.0], [1.0], [2.0]])
IS_PROMPT = "mlflow.prompt.is_prompt"
SECRET = "s3cret"


@dataclass(frozen=True)
class Registered:
    """A model that was logged twice, as two versions of ``net``; version 1 is ``champion``."""

    client: MlflowClient
    run_id: str
    model_ids: tuple[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Two processes on one file; the process's own tracking URI names them."""
    folder = tmp_path_factory.mktemp("registry")
    server = MlflowServer(f"dynamodb:///{folder / 'mlflow.ddb'}", folder)
    settings = {
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(name, value)
        try:
            server.start(workers=2)
            with _use_tracking_uri(server.url):
                yield server
        finally:
            server.kill()


@pytest.fixture(scope="module")
def client(server: MlflowServer) -> MlflowClient:
    return MlflowClient(server.url)


@pytest.fixture(scope="module")
def registered(client: MlflowClient) -> Registered:
    with mlflow.start_run() as run:
        logged = [
            mlflow.sklearn.log_model(
                LinearRegression().fit(_INPUTS, _INPUTS.ravel() * factor),
                name="model",
                registered_model_name="net",
                serialization_format="cloudpickle",
                pip_requirements=["scikit-learn"],
            )
            for factor in (2, 3)
        ]
    client.set_registered_model_alias("net", "champion", "1")
    return Registered(client, run.info.run_id, (logged[0].model_id, logged[1].model_id))


class TestModels:
    def test_logging_a_model_registers_it(self, registered: Registered) -> None:
        versions = registered.client.search_model_versions("name = 'net'")

        assert {(v.version, v.run_id, v.status) for v in versions} >= {
            ("1", registered.run_id, "READY"),
            ("2", registered.run_id, "READY"),
        }

    def test_a_logged_model_knows_its_versions(self, registered: Registered) -> None:
        model = registered.client.get_logged_model(registered.model_ids[1])

        # Once as the server has it, and, as a text, as the client adds it.
        versions = json.loads(model.tags["mlflow.modelVersions"])
        assert {(version["name"], int(version["version"])) for version in versions} == {("net", 2)}

    @pytest.mark.parametrize(
        ("uri", "factor"),
        [("models:/net@champion", 2), ("models:/net/2", 3), ("models:/net@latest", 3)],
    )
    def test_a_version_is_loaded(self, registered: Registered, uri: str, factor: int) -> None:
        model = mlflow.sklearn.load_model(uri)

        assert model.predict(_INPUTS) == pytest.approx(_INPUTS.ravel() * factor)

    def test_a_logged_model_is_registered_later(self, registered: Registered) -> None:
        for name in ("later", "later"):
            version = mlflow.register_model(f"models:/{registered.model_ids[0]}", name)

        assert (version.name, int(version.version)) == ("later", 2)
        assert version.run_id == registered.run_id
        assert mlflow.sklearn.load_model("models:/later/2").predict([[1.0]]) == pytest.approx([2])

    def test_a_version_is_copied_to_another_model(self, registered: Registered) -> None:
        copied = registered.client.copy_model_version("models:/net/2", "net in use")

        assert (copied.name, copied.version) == ("net in use", "1")
        assert mlflow.sklearn.load_model("models:/net in use/1").predict([[1]]) == pytest.approx(
            [3]
        )


class TestPrompts:
    @pytest.fixture(scope="class")
    def greeting(self, server: MlflowServer) -> str:
        """A prompt of two versions, the first of which is in production."""
        mlflow.genai.register_prompt("greeting", "Hello {{ name }}", tags={"tone": "kind"})
        mlflow.genai.register_prompt(
            "greeting", [{"role": "user", "content": "Hi {{ name }}"}], commit_message="a chat"
        )
        mlflow.genai.set_prompt_alias("greeting", "production", 1)
        return "greeting"

    def test_a_prompt_is_loaded_by_number_and_by_alias(self, greeting: str) -> None:
        first = mlflow.genai.load_prompt("prompts:/greeting@production")
        second = mlflow.genai.load_prompt("prompts:/greeting/2")

        assert (first.version, first.format(name="Ada")) == (1, "Hello Ada")
        assert first.tags["tone"] == "kind"
        assert second.format(name="Ada") == [{"role": "user", "content": "Hi Ada"}]
        assert second.commit_message == "a chat"
        assert mlflow.genai.load_prompt(greeting).version == 2

    def test_prompts_are_searched_apart_from_models(
        self, greeting: str, registered: Registered
    ) -> None:
        prompts = mlflow.genai.search_prompts()
        models = registered.client.search_registered_models()

        assert [prompt.name for prompt in prompts] == [greeting]
        assert greeting not in {model.name for model in models}
        assert "net" in {model.name for model in models}

    def test_a_prompt_that_a_run_loads_is_linked_to_it(
        self, client: MlflowClient, greeting: str
    ) -> None:
        with mlflow.start_run() as run:
            mlflow.genai.load_prompt(f"prompts:/{greeting}/1")

        tags = client.get_run(run.info.run_id).data.tags
        assert json.loads(tags[TraceTagKey.LINKED_PROMPTS]) == [{"name": greeting, "version": "1"}]


class TestWebhooks:
    @pytest.fixture
    def listener(self) -> Iterator[Listener]:
        with listening() as listener:
            yield listener

    def test_a_webhook_is_delivered_and_signed(
        self, client: MlflowClient, listener: Listener
    ) -> None:
        webhook = client.create_webhook(
            "team", listener.url, ["registered_model.created"], secret=SECRET
        )

        client.create_registered_model("announced", {"team": "a"}, "made known")

        delivery = listener.next()
        client.delete_webhook(webhook.webhook_id)
        assert delivery.is_signed_with(SECRET)
        assert not delivery.is_signed_with("another secret")
        assert (delivery.payload["entity"], delivery.payload["action"]) == (
            "registered_model",
            "created",
        )
        assert delivery.payload["data"] == {
            "name": "announced",
            "tags": {"team": "a"},
            "description": "made known",
        }

    def test_a_webhook_is_tried_out(self, client: MlflowClient, listener: Listener) -> None:
        webhook = client.create_webhook("trial", listener.url, ["prompt.created"], secret=SECRET)

        result = client.test_webhook(webhook.webhook_id, WebhookEvent.from_str("prompt.created"))

        assert (result.success, result.response_status) == (True, 200)
        assert listener.next().is_signed_with(SECRET)
        client.delete_webhook(webhook.webhook_id)

    def test_webhooks_are_listed_without_their_secrets(
        self, client: MlflowClient, server: MlflowServer, listener: Listener
    ) -> None:
        webhook = client.create_webhook("quiet", listener.url, ["prompt.created"], secret=SECRET)

        listed = ask(server, "GET", "webhooks")["webhooks"]

        client.delete_webhook(webhook.webhook_id)
        assert [found["name"] for found in listed] == ["quiet"]
        assert SECRET not in json.dumps(listed)


def ask(server: MlflowServer, method: str, path: str, **sent: Any) -> Any:
    """What a page of the UI gets: parameters of a GET, else a JSON body."""
    given = {"params": sent} if method == "GET" else {"json": sent}
    url = f"{server.url}/ajax-api/2.0/mlflow/{path}"
    answer = requests.request(method, url, timeout=30, **given)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestPagesOfModels:
    """The requests of the UI's pages of models, as its script makes them."""

    def test_page_lists_the_models(self, server: MlflowServer, registered: Registered) -> None:
        listed = ask(
            server,
            "GET",
            "registered-models/search",
            filter="name ilike '%NE%'",
            max_results=10,
            order_by="name ASC",
        )["registered_models"]

        net = next(model for model in listed if model["name"] == "net")
        assert net["aliases"] == [{"alias": "champion", "version": "1"}]
        assert [version["version"] for version in net["latest_versions"]] == ["2"]

    def test_page_shows_a_model_with_its_versions(
        self, server: MlflowServer, registered: Registered
    ) -> None:
        model = ask(server, "GET", "registered-models/get", name="net")["registered_model"]
        versions = ask(
            server,
            "GET",
            "model-versions/search",
            filter="name='net'",
            order_by="version_number DESC",
            max_results=10,
        )["model_versions"]

        assert model["name"] == "net"
        assert [version["version"] for version in versions] == ["2", "1"]

    def test_page_shows_a_version(self, server: MlflowServer, registered: Registered) -> None:
        version = ask(server, "GET", "model-versions/get", name="net", version="1")
        location = ask(server, "GET", "model-versions/get-download-uri", name="net", version="1")

        assert version["model_version"]["aliases"] == ["champion"]
        assert version["model_version"]["run_id"] == registered.run_id
        assert location["artifact_uri"].endswith("/artifacts")

    def test_page_shows_the_versions_of_a_run(
        self, server: MlflowServer, registered: Registered
    ) -> None:
        found = ask(server, "GET", "model-versions/search", filter=f"run_id='{registered.run_id}'")[
            "model_versions"
        ]

        assert {("net", "1"), ("net", "2")} <= {(v["name"], v["version"]) for v in found}

    def test_page_changes_a_model(self, server: MlflowServer) -> None:
        ask(server, "POST", "registered-models/create", name="draft")
        ask(server, "POST", "registered-models/set-tag", name="draft", key="team", value="a")
        ask(server, "PATCH", "registered-models/update", name="draft", description="text")
        ask(server, "POST", "registered-models/rename", name="draft", new_name="final")

        model = ask(server, "GET", "registered-models/get", name="final")["registered_model"]
        ask(server, "DELETE", "registered-models/delete", name="final")
        left = ask(server, "GET", "registered-models/search", filter="name='final'")
        assert (model["tags"], model["description"]) == ([{"key": "team", "value": "a"}], "text")
        assert left.get("registered_models", []) == []


class TestPagesOfPrompts:
    """The requests of the UI's pages of prompts, as its script makes them."""

    @pytest.fixture(scope="class")
    def farewell(self, server: MlflowServer) -> str:
        """A prompt that the page has created."""
        tag = {"key": IS_PROMPT, "value": "true"}
        experiment = {"key": "_mlflow_experiment_ids", "value": ",0,"}
        text = {"key": "mlflow.prompt.text", "value": "Bye {{ name }}"}
        ask(server, "POST", "registered-models/create", name="farewell", tags=[tag, experiment])
        ask(
            server,
            "POST",
            "model-versions/create",
            name="farewell",
            source="dummy-source",
            tags=[tag, text],
        )
        return "farewell"

    def test_page_lists_the_prompts(self, server: MlflowServer, farewell: str) -> None:
        listed = ask(
            server,
            "GET",
            "registered-models/search",
            filter=f"tags.`{IS_PROMPT}` = 'true' AND tags.`_mlflow_experiment_ids` ILIKE '%,0,%'"
            " AND name ILIKE '%FARE%'",
        )["registered_models"]

        assert [prompt["name"] for prompt in listed] == [farewell]

    def test_page_has_the_short_list_of_prompts(self, server: MlflowServer, farewell: str) -> None:
        listed = ask(
            server,
            "GET",
            "registered-models/search",
            max_results=1000,
            filter=f"tag.{IS_PROMPT} = 'true'",
        )["registered_models"]

        assert farewell in {prompt["name"] for prompt in listed}
        assert "net" not in {prompt["name"] for prompt in listed}

    def test_page_shows_a_prompt_with_its_versions(
        self, server: MlflowServer, farewell: str
    ) -> None:
        prompt = ask(server, "GET", "registered-models/get", name=farewell)["registered_model"]
        versions = ask(
            server,
            "GET",
            "model-versions/search",
            filter=f"name='{farewell}' AND tags.`{IS_PROMPT}` = 'true'",
        )["model_versions"]

        assert prompt["name"] == farewell
        assert {"key": "mlflow.prompt.text", "value": "Bye {{ name }}"} in versions[0]["tags"]

    def test_page_changes_a_prompt(self, server: MlflowServer, farewell: str) -> None:
        one = {"name": farewell, "version": "1"}
        ask(server, "POST", "model-versions/set-tag", **one, key="tone", value="sad")
        ask(server, "POST", "registered-models/alias", **one, alias="production")

        found = ask(server, "GET", "registered-models/alias", name=farewell, alias="production")[
            "model_version"
        ]
        ask(server, "DELETE", "model-versions/delete", **one)
        ask(server, "DELETE", "registered-models/delete", name=farewell)
        assert {"key": "tone", "value": "sad"} in found["tags"]


def test_the_server_prints_no_warning_of_ours(server: MlflowServer, registered: Registered) -> None:
    assert lines_of_ours(server.log) == []
