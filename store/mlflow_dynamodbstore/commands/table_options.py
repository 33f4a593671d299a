"""What every command has in common: naming the table, ``--json``, errors in a line, exit codes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from dynamodbstore_projections.drivers.checkpoint import InvalidCheckpoint
from dynamodbstore_projections.drivers.export_files import InvalidExport
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Table
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore.commands.failures import (
    FAILED,
    INTERRUPTED,
    WrongUsage,
    describe,
    describe_file,
    fail,
)
from mlflow_dynamodbstore.location import (
    EndpointLocation,
    Location,
    RegionLocation,
    parse_location,
)
from mlflow_dynamodbstore.table_access import open_table

__all__ = ["FAILED", "existing", "fail", "name_of", "opened", "resolve_location", "table_command"]

_OPTIONS: Final = (
    click.option("--json", "as_json", is_flag=True, help="Print for machines."),
    click.option("--store-uri", help="The store's URI, as given to mlflow server."),
    click.option("--endpoint-url", help="The endpoint of DynamoDB Local or the like."),
    click.option("--region", help="The table's AWS region."),
    click.option("--table", help="The table's name."),
)


def table_command(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a table; it takes them as ``location``.

    What it raises because the table, a file or a parameter is not as it should be becomes one line
    on standard error, and the exit code 1.
    """

    @functools.wraps(command)
    def run(
        table: str | None,
        region: str | None,
        endpoint_url: str | None,
        store_uri: str | None,
        **options: Any,
    ) -> None:
        location = resolve_location(table, region, endpoint_url, store_uri)
        try:
            command(location=location, **options)
        except TableError as error:
            fail(describe(error, location))
        except MlflowException as error:
            fail(error.message)
        except BrokenPipeError:
            # The reader has what it wanted (``| head``); click ends quietly.
            raise
        except (InvalidCheckpoint, InvalidExport) as error:
            fail(str(error))
        except OSError as error:
            fail(describe_file(error))
        except KeyboardInterrupt:
            fail(INTERRUPTED)

    for option in _OPTIONS:
        run = option(run)
    return run


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
        raise WrongUsage(error.message) from error
    raise WrongUsage(
        "Name the table by --table and --region, by --table and --endpoint-url, or by --store-uri."
    )


@contextmanager
def opened(location: Location) -> Iterator[Table]:
    """The table at a location, closed in the end."""
    table = open_table(location)
    try:
        yield table
    finally:
        table.close()


@contextmanager
def existing(location: Location) -> Iterator[Table]:
    """The table at a location, closed in the end. Raises as ``Table.check``."""
    with opened(location) as table:
        table.check()
        yield table


def name_of(location: Location) -> str:
    """The table's name, or the path of its file."""
    if isinstance(location, RegionLocation | EndpointLocation):
        return location.table
    return str(location.path)
