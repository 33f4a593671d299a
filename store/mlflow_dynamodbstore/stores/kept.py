"""What the stores keep, and what they don't: one list, computed from the methods they offer."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mlflow_dynamodbstore.stores.refusals import is_left_open, is_stand_in
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

KINDS: Final = (
    ("experiments", "create_experiment"),
    ("runs", "create_run"),
    ("datasets of runs", "log_inputs"),
    ("logged models", "create_logged_model"),
    ("registered models", "create_registered_model"),
    ("model versions", "create_model_version"),
    ("prompts", "get_prompt"),
    ("webhooks", "create_webhook"),
    ("traces", "start_trace"),
    ("assessments", "create_assessment"),
    ("evaluation datasets", "create_dataset"),
    ("scorers", "register_scorer"),
    ("issues", "create_issue"),
    ("label schemas", "create_label_schema"),
    ("review queues", "create_review_queue"),
    ("gateway endpoints", "create_gateway_endpoint"),
    ("gateway secrets", "create_gateway_secret"),
    ("budget policies", "create_budget_policy"),
    ("MCP servers", "create_mcp_server"),
)
"""What MLflow's tracking store and registry keep, each with a method that only a store which keeps
it offers."""


@lru_cache(maxsize=1)
def kept() -> tuple[str, ...]:
    """The kinds of things that the stores keep."""
    return tuple(kind for kind, method in KINDS if _offered(method))


@lru_cache(maxsize=1)
def not_kept() -> tuple[str, ...]:
    """The kinds of things that MLflow's SQL store keeps and these stores don't."""
    return tuple(kind for kind, _ in KINDS if kind not in kept())


def _offered(name: str) -> bool:
    stores = (DynamoTrackingStore, DynamoRegistryStore)
    found = [getattr(store, name) for store in stores if hasattr(store, name)]
    return any(not (is_stand_in(method) or is_left_open(method)) for method in found)
