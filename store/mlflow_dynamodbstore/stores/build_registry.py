"""From a registry URI to a registry that is ready."""

from __future__ import annotations

from typing import Final

from dynamodbstore_events.entities import REGISTERED_MODEL
from dynamodbstore_events.keys import GSI2, WEBHOOK, outside_default_workspace
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Table
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE

from mlflow_dynamodbstore.core.errors import as_mlflow_error
from mlflow_dynamodbstore.new_table import mark_if_new
from mlflow_dynamodbstore.opening import open_configured
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.webhooks.webhook_secrets import check_encryption_key

_KINDS: Final = ((REGISTERED_MODEL, "registered models"), (WEBHOOK, "webhooks"))


def build_registry_store(store_uri: str, tracking_uri: str | None = None) -> DynamoRegistryStore:
    """The model registry of a URI; a local endpoint or file gets its table on first use.

    Raises as ``open_configured`` does, ``INVALID_STATE`` if there are models or webhooks in other
    workspaces than the default one, and ``INVALID_PARAMETER_VALUE`` if the key for the secrets of
    webhooks is malformed.
    """
    check_encryption_key()
    opened = open_configured(store_uri)
    try:
        if not opened.effective.config.built:
            mark_if_new(opened.table)
        require_default_workspace(opened.table)
    except TableError as error:
        raise as_mlflow_error(error) from error
    return DynamoRegistryStore(opened.table, tracking_uri, opened.config)


def require_default_workspace(table: Table) -> None:
    """Raise ``INVALID_STATE`` if a server without workspaces would hide what is there."""
    for kind, called in _KINDS:
        listing = outside_default_workspace(kind)
        for found in table.query(listing, index=GSI2, limit=1, consistent=False).items:
            workspace, _, example = found["gsi2sk"].partition("#")
            raise MlflowException(
                f"Workspaces can't be disabled: there are {called} outside the default one, for "
                f"example {example!r} in the workspace {workspace!r}. Remove them, or start with "
                "workspaces enabled.",
                INVALID_STATE,
            )
