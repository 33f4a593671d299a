"""From a store URI to a store that is ready."""

from __future__ import annotations

import os

from dynamodbstore_events.keys import GSI1, META, experiment_pk, experiments_listing
from dynamodbstore_projections.built import KEPT_BY_ALL, mark_built
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.expiry_sweep import Sweeper
from dynamodbstore_projections.registry import search_projections
from dynamodbstore_table.errors import TableError, TableMissing
from dynamodbstore_table.port import Table
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.errors import as_mlflow_error
from mlflow_dynamodbstore.location import Location, parse_location
from mlflow_dynamodbstore.projection_mode import observer_for
from mlflow_dynamodbstore.table_access import create_missing, open_table
from mlflow_dynamodbstore.tracking.experiments import DEFAULT_EXPERIMENT_ID
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
    observer = observer_for(location)
    table = open_table(location, observer)
    root = artifact_uri or os.environ.get(_SERVER_ARTIFACT_ROOT) or _LOCAL_ARTIFACT_ROOT
    store = DynamoTrackingStore(table, resolve_uri_if_local(root))
    try:
        if not _has_default_experiment(table, location):
            _mark_new_table(table)
            store.ensure_default_experiment()
    except TableError as error:
        raise as_mlflow_error(error) from error
    if observer is not None:
        store.keep_house(Sweeper(table, ConfigSource(table).current).now_and_then)
    return store


def _has_default_experiment(table: Table, location: Location) -> bool:
    try:
        return table.get((experiment_pk(DEFAULT_EXPERIMENT_ID), META)) is not None
    except TableMissing:
        create_missing(table, location)
        return False


def _mark_new_table(table: Table) -> None:
    """Say of a table without experiments that its projections are complete: there is nothing yet
    that they could lack."""
    listing = experiments_listing(DEFAULT_WORKSPACE_NAME)
    if not table.query(listing, index=GSI1, limit=1).items:
        mark_built(table, [p.name for p in search_projections()], KEPT_BY_ALL)
