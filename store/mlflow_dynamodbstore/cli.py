"""The command ``mlflow-dynamodbstore``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from dynamodbstore_table.errors import TableError
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore.errors import as_mlflow_error
from mlflow_dynamodbstore.location import (
    EndpointLocation,
    Location,
    RegionLocation,
    parse_location,
)
from mlflow_dynamodbstore.table_access import open_table

_F = TypeVar("_F", bound=Callable[..., Any])


def _table_options(command: _F) -> _F:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print for machines."),
        click.option("--store-uri", help="The store's URI, as given to mlflow server."),
        click.option("--endpoint-url", help="The endpoint of DynamoDB Local or the like."),
        click.option("--region", help="The table's AWS region."),
        click.option("--table", help="The table's name."),
    ):
        command = option(command)
    return command


def resolve_location(
    table: str | None, region: str | None, endpoint_url: str | None, store_uri: str | None
) -> Location:
    """The location that a command's options name; raises a usage error (exit code 2)."""
    try:
        if store_uri and not (table or region or endpoint_url):
            return parse_location(store_uri)
        if table and endpoint_url and not (region or store_uri):
            return parse_location(f"dynamodb://{endpoint_url.rstrip('/')}/{table}")
        if table and region and not (endpoint_url or store_uri):
            return parse_location(f"dynamodb://{region}/{table}")
    except MlflowException as error:
        raise click.UsageError(error.message) from error
    raise click.UsageError(
        "Name the table by --table and --region, by --table and --endpoint-url, or by --store-uri."
    )


@click.group()
@click.version_option(package_name="mlflow-dynamodbstore")
def main() -> None:
    """Look after the table of an MLflow store on DynamoDB."""


@main.command("create-table")
@_table_options
def create_table(
    table: str | None,
    region: str | None,
    endpoint_url: str | None,
    store_uri: str | None,
    as_json: bool,
) -> None:
    """Create the table if it is missing.

    Example: mlflow-dynamodbstore create-table --table mlflow --region eu-central-1
    """
    location = resolve_location(table, region, endpoint_url, store_uri)
    opened = open_table(location)
    try:
        created = not opened.exists()
        opened.create()
    except TableError as error:
        click.echo(f"Error: {as_mlflow_error(error).message}", err=True)
        sys.exit(1)
    finally:
        opened.close()
    if as_json:
        click.echo(json.dumps({"table": _name(location), "created": created}))
    else:
        click.echo(f"{_name(location)}: {'created' if created else 'already there'}")


def _name(location: Location) -> str:
    if isinstance(location, RegionLocation | EndpointLocation):
        return location.table
    return str(location.path)
