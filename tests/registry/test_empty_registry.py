"""A store without registered models says so, and says it where MLflow asks."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow_dynamodbstore.registry.store import EmptyRegistryStore

# Built by MLflow on the methods above them.
DERIVED = {name for name in dir(AbstractStore) if "prompt" in name} | {"supports_workspaces"}


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    return MlflowClient(f"dynamodb:///{tmp_path / 'mlflow.ddb'}")


def test_a_search_finds_nothing(client: MlflowClient) -> None:
    assert list(client.search_registered_models()) == []
    assert list(client.search_model_versions("run_id = 'r'")) == []
    assert list(client.search_prompts()) == []


def test_a_model_or_version_is_not_found(client: MlflowClient) -> None:
    for ask in (
        lambda: client.get_registered_model("churn"),
        lambda: client.get_model_version("churn", "1"),
        lambda: client.get_model_version_by_alias("churn", "champion"),
    ):
        with pytest.raises(MlflowException, match="churn") as raised:
            ask()
        assert raised.value.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)


def test_registering_a_model_names_the_way_out(client: MlflowClient) -> None:
    with pytest.raises(MlflowException, match="--registry-store-uri") as raised:
        client.create_registered_model("churn")

    assert raised.value.error_code == "NOT_IMPLEMENTED"


def test_no_method_of_the_registry_is_left_to_answer_none() -> None:
    left = {
        name
        for name, method in inspect.getmembers(AbstractStore, inspect.isfunction)
        if not name.startswith("_") and getattr(EmptyRegistryStore, name) is method
    }

    assert left <= DERIVED
