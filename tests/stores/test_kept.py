"""What the stores keep: one list, in the README, in refusals, and as MLflow's SQL store has it."""

from __future__ import annotations

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as SqlTracking
from mlflow_dynamodbstore.stores.kept import KINDS, kept, not_kept
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.docs import markdown


def test_kept_are_experiments_to_webhooks() -> None:
    for kind in ("experiments", "runs", "registered models", "prompts", "webhooks"):
        assert kind in kept()


def test_each_kind_is_kept_or_not() -> None:
    assert sorted((*kept(), *not_kept())) == sorted(kind for kind, _ in KINDS)


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_the_method_of_a_kind_is_one_of_the_sql_store(kind: str, method: str) -> None:
    assert hasattr(SqlTracking, method) or hasattr(SqlRegistry, method)


def test_every_create_method_of_the_sql_store_is_in_the_list() -> None:
    # What the SQL store creates is a kind of thing, or belongs to one
    parts_of_kinds = {
        *("create_endpoint_binding", "create_gateway_guardrail", "create_gateway_model_definition"),
        *("create_mcp_access_endpoint", "create_mcp_server_version"),
        *("create_prompt", "create_prompt_version"),
        "create_workspace",
    }
    created = {
        name
        for store in (SqlTracking, SqlRegistry)
        for name in dir(store)
        if name.startswith("create_")
    }

    assert created - parts_of_kinds <= {method for _, method in KINDS}


def test_the_readme_shows_what_is_kept_and_what_is_not() -> None:
    text = " ".join(markdown.read("README.md").split())

    assert f"Kept are: {', '.join(kept())}." in text
    assert f"Not kept yet are: {', '.join(not_kept())};" in text


def test_a_refusal_shows_what_is_kept() -> None:
    refused = next(method for kind, method in KINDS if kind in not_kept())
    store = DynamoTrackingStore if hasattr(DynamoTrackingStore, refused) else DynamoRegistryStore

    with pytest.raises(MlflowException, match=f"keeps {', '.join(kept())}\\."):
        getattr(store, refused)(object.__new__(store))
