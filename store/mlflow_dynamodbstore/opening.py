"""From a store URI to a table that is there and configured, with its projections kept."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.built import announce_newer
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Observer, Table

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.config.effective import EffectiveConfig
from mlflow_dynamodbstore.config.reconcile import reconcile
from mlflow_dynamodbstore.core.errors import as_mlflow_error
from mlflow_dynamodbstore.location import parse_location
from mlflow_dynamodbstore.projection_mode import AutoObserver, mode_of, observer_for
from mlflow_dynamodbstore.server_process import starts_a_server
from mlflow_dynamodbstore.settings import read_settings
from mlflow_dynamodbstore.slow_calls import watch
from mlflow_dynamodbstore.table_access import open_table, require_table


@dataclass(frozen=True, slots=True)
class Opened:
    """A table, who is handed its writes (None: the stream functions), and its configuration: as it
    was when the table was opened, and as it is known from then on."""

    table: Table
    observer: Observer | None
    effective: EffectiveConfig
    config: ConfigSource


def open_configured(store_uri: str) -> Opened:
    """Open the table of a store; a local endpoint or file gets its table on first use.

    Raises ``INVALID_PARAMETER_VALUE`` for a malformed URI or setting, ``RESOURCE_DOES_NOT_EXIST``
    for a table missing in a region, ``INVALID_STATE`` for a table that is laid out in another way
    or a configuration that can't be used, and
    ``TEMPORARILY_UNAVAILABLE`` where the engine can't be reached.
    """
    location = parse_location(store_uri)
    settings = read_settings()
    observer = observer_for(location)
    table = open_table(location, observer, logs.request_retried)
    try:
        require_table(table, location)
        effective = reconcile(table, settings)
        config = ConfigSource(
            table,
            settings.fts_fields,
            known=effective.config,
            on_invalid=logs.configuration_invalid,
        )
        if observer is not None:
            observer.use_config(table, config.current)
            announce_newer(table, inline_projections(), config.current, int(time.time() * 1000))
        logs.started(location, mode_of(observer, table), effective.summary())
        if isinstance(observer, AutoObserver) and starts_a_server():
            observer.log_kept(table)
    except TableError as error:
        raise as_mlflow_error(error) from error
    watch(settings.slow_ms)
    return Opened(table, observer, effective, config)
