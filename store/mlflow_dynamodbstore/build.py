"""From a store URI to a store that is ready."""

from __future__ import annotations

import os

from dynamodbstore_table.errors import TableError, TableMissing

from mlflow_dynamodbstore.errors import as_mlflow_error
from mlflow_dynamodbstore.location import parse_location
from mlflow_dynamodbstore.table_access import create_missing, open_table
from mlflow_dynamodbstore.tracking.store import DynamoTrackingStore

# `mlflow server` tells its workers its artifact root by this variable; MLflow's own stores read it
# where the builder is given none.
_SERVER_ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
_LOCAL_ARTIFACT_ROOT = "./mlruns"


def build_tracking_store(store_uri: str, artifact_uri: str | None = None) -> DynamoTrackingStore:
    """The tracking store of a URI; a local endpoint or file gets its table on first use.

    Raises ``INVALID_PARAMETER_VALUE`` for a malformed URI, ``RESOURCE_DOES_NOT_EXIST`` for a
    table missing in a region, and ``TEMPORARILY_UNAVAILABLE`` where the engine can't be reached.
    """
    from mlflow.utils.uri import resolve_uri_if_local

    location = parse_location(store_uri)
    table = open_table(location)
    root = artifact_uri or os.environ.get(_SERVER_ARTIFACT_ROOT) or _LOCAL_ARTIFACT_ROOT
    store = DynamoTrackingStore(table, resolve_uri_if_local(root))
    try:
        try:
            store._experiments.find("0")
        except TableMissing:
            create_missing(table, location)
        store.ensure_default_experiment()
    except TableError as error:
        raise as_mlflow_error(error) from error
    return store
