"""From a URI to a registry: what is created, and what stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking._model_registry.utils import _get_store
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.stores.build_registry import build_registry_store
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.conftest import new_table_name
from tests.registered_models.stores import SOURCE
from tests.tracking.stores import refused


@pytest.fixture(params=["embedded", "dynoxide"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "embedded":
        return f"dynamodb:///{tmp_path}/store.ddb?durability=process"
    return f"dynamodb://{request.getfixturevalue('dynoxide_endpoint')}/{new_table_name()}"


def test_mlflow_finds_the_registry_by_its_uri(uri: str) -> None:
    store = _get_store(uri, uri)

    assert isinstance(store, DynamoRegistryStore)
    assert not store.supports_workspaces


@pytest.mark.parametrize("registry_first", [True, False], ids=["registry", "tracking"])
def test_both_stores_share_a_table_whichever_comes_first(
    uri: str, tmp_path: Path, registry_first: bool
) -> None:
    if registry_first:
        build_registry_store(uri).create_registered_model("early")
    tracking = build_tracking_store(uri, str(tmp_path))
    registry = build_registry_store(uri)
    registry.create_registered_model("net")
    run = tracking.create_run("0", "ada", 1, [], "run")
    registry.create_model_version("net", SOURCE, run.info.run_id)

    again = build_registry_store(uri)

    assert again.get_model_version("net", 1).run_id == run.info.run_id
    assert "fts:name" in again._config.current().built
    assert [m.name for m in again.search_registered_models("name LIKE '%net%'")] == ["net"]


def test_a_malformed_uri_is_refused() -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        build_registry_store("dynamodb://")


def test_a_server_without_workspaces_does_not_hide_models_in_them(uri: str) -> None:
    theirs = DynamoRegistryStore(build_registry_store(uri)._table, scope=Scope("team-a", True))
    theirs.create_registered_model("theirs")
    theirs.create_model_version("theirs", SOURCE)
    theirs.rename_registered_model("theirs", "net")

    with pytest.raises(MlflowException, match=r"'net' in the workspace 'team-a'") as refusal:
        build_registry_store(uri)
    assert refusal.value.error_code == "INVALID_STATE"

    theirs.delete_registered_model("net")
    assert build_registry_store(uri).search_registered_models() == []


def test_workspaces_have_names_of_their_own(uri: str) -> None:
    store = build_registry_store(uri)
    store.create_registered_model("net", description="ours")
    other = DynamoRegistryStore(store._table, scope=Scope("team-a", True))
    with refused("RESOURCE_DOES_NOT_EXIST"):
        other.get_registered_model("net")
    theirs = other.create_registered_model("net", description="theirs")

    assert theirs.workspace == "team-a"
    assert store.get_registered_model("net").description == "ours"
