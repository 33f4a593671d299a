"""What MLflow's entry points name.

MLflow loads this module on every ``import mlflow``, while mlflow itself is half imported: it must
import nothing but what Python has loaded anyway.
"""

from __future__ import annotations

from typing import Any


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Build the tracking store of a ``dynamodb:`` URI (entry point ``mlflow.tracking_store``)."""
    from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

    return build_tracking_store(store_uri, artifact_uri)


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Build the registry of a ``dynamodb:`` URI (entry point ``mlflow.model_registry_store``)."""
    from mlflow_dynamodbstore.stores.build_registry import build_registry_store

    return build_registry_store(store_uri, tracking_uri)
