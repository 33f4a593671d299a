"""From a store URI to a store that is ready."""

from __future__ import annotations

import os

from dynamodbstore_events.keys import META, experiment_pk
from dynamodbstore_projections.expiry.sweep import Sweeper
from dynamodbstore_table.errors import TableError

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.core.errors import as_mlflow_error
from mlflow_dynamodbstore.experiments.experiment_items import DEFAULT_EXPERIMENT_ID
from mlflow_dynamodbstore.new_table import mark_if_new
from mlflow_dynamodbstore.opening import open_configured
from mlflow_dynamodbstore.server_process import is_worker
from mlflow_dynamodbstore.stores.late_imports import import_late_modules
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

# `mlflow server` passes its artifact root to its workers in this variable; MLflow's stores read it
# where the builder is given none.
_SERVER_ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
_LOCAL_ARTIFACT_ROOT = "./mlruns"


def build_tracking_store(store_uri: str, artifact_uri: str | None = None) -> DynamoTrackingStore:
    """The tracking store of a URI; a local endpoint or file gets its table on first use.

    Raises as ``open_configured`` does.
    """
    from mlflow.utils.uri import resolve_uri_if_local

    opened = open_configured(store_uri)
    table = opened.table
    root = artifact_uri or os.environ.get(_SERVER_ARTIFACT_ROOT) or _LOCAL_ARTIFACT_ROOT
    store = DynamoTrackingStore(table, resolve_uri_if_local(root), opened.config)
    try:
        if table.get((experiment_pk(DEFAULT_EXPERIMENT_ID), META)) is None:
            mark_if_new(table)
            store.ensure_default_experiment()
    except TableError as error:
        raise as_mlflow_error(error) from error
    if is_worker():
        import_late_modules()
    if opened.observer is not None:
        sweeper = Sweeper(table, opened.config.current, on_failure=logs.expiry_delayed)
        store.keep_house(sweeper.now_and_then)
    return store
