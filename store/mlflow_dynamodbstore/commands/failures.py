"""What a command says when it fails: one line, which ends with what to do next."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import click
from dynamodbstore_table.errors import TableError, TableMissing

from mlflow_dynamodbstore.core.errors import as_mlflow_error
from mlflow_dynamodbstore.location import EndpointLocation, Location, RegionLocation, options_of

FAILED: Final = 1
"""The exit code of what failed, and of drift that was found. Wrong usage is 2."""

INTERRUPTED: Final = "Interrupted. What was done stays done: run the command again to go on."


class WrongUsage(click.UsageError):
    """Wrong usage (exit code 2) that one line tells, without the usage of the command."""

    def show(self, file: object = None) -> None:
        click.echo(f"Error: {one_line(self.message)}", err=True)


def fail(message: str) -> NoReturn:
    """Print an error as one line, and end with exit code 1."""
    click.echo(f"Error: {one_line(message)}", err=True)
    sys.exit(FAILED)


def one_line(text: str) -> str:
    """The text with each run of white space as one space."""
    return " ".join(text.split())


def describe(error: TableError, location: Location) -> str:
    """What a table's error means at a location, and what to do about it."""
    if isinstance(error, TableMissing):
        return _missing(location)
    return str(as_mlflow_error(error).message)


def describe_file(error: OSError) -> str:
    """What the system's refusal of a file means, and what to do about it."""
    if error.filename is None or error.strerror is None:
        return str(error)
    return (
        f"can't use {error.filename!r}: {error.strerror}. Name a path whose directory is there and "
        "where this user may write, or change that."
    )


def _missing(location: Location) -> str:
    create = f"mlflow-dynamodbstore create-table {options_of(location)}"
    if isinstance(location, RegionLocation):
        return (
            f"The store's table is missing: there is no table {location.table!r} in "
            f"{location.region}. Name the region that it is in, or create it with 'sam deploy "
            f"--guided' or '{create}'."
        )
    if isinstance(location, EndpointLocation):
        return (
            f"The store's table is missing: there is no table {location.table!r} at "
            f"{location.endpoint_url}. Check the name, or create it with '{create}'."
        )
    return (
        f"The store's table is missing: there is none in the file {str(location.path)!r}. Check "
        f"the path, or create it with '{create}'."
    )
