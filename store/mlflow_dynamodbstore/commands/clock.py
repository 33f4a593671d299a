"""``mlflow-dynamodbstore clock``."""

from __future__ import annotations

import json
from typing import Any

import click
from dynamodbstore_table.embedded.clock import HOLDS_SECONDS, ClockState
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableMissing
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.commands.failures import WrongUsage
from mlflow_dynamodbstore.commands.table_options import name_of, opened, table_command
from mlflow_dynamodbstore.location import Location
from mlflow_dynamodbstore.logs import utc


@click.group()
def clock() -> None:
    """The time by which what is in a file expires.

    \b
    Example:
      mlflow-dynamodbstore clock show --store-uri dynamodb:///mlflow.ddb
    """


@clock.command()
@table_command
def show(location: Location, as_json: bool) -> None:
    """Show the machine's clock beside the file's time.

    \b
    Example:
      mlflow-dynamodbstore clock show --store-uri dynamodb:///mlflow.ddb
    """
    with opened(location) as table:
        state = _file(table).clock_state()
    _print(location, state, _verdict(state), as_json)


@clock.command()
@table_command
def confirm(location: Location, as_json: bool) -> None:
    """Let the file go by the machine's clock at once, however far it is off.

    Without it a clock that is more than a day off the file's time counts when it has held for an
    hour in which a process used the file. What is due by the new time goes with the next sweep, for
    good: see the times that 'clock show' prints first. Servers follow within a minute.

    \b
    Example:
      mlflow-dynamodbstore clock confirm --store-uri dynamodb:///mlflow.ddb
    """
    with opened(location) as table:
        file = _file(table)
        before = file.clock_state()
        file.confirm_clock()
        state = file.clock_state()
    line = f"the file goes by the machine's clock; its time was {utc(before.file)}"
    _print(location, state, line, as_json, before=utc(before.file))


def _file(table: Table) -> SqliteTable:
    if not isinstance(table, SqliteTable):
        raise WrongUsage(
            "Only a file has a time of its own. What is in a table on DynamoDB expires by "
            "DynamoDB's clock; name a file by --store-uri dynamodb:///<path>."
        )
    if not table.exists():
        raise TableMissing(str(table.path))
    return table


def _verdict(state: ClockState) -> str:
    if not state.doubted:
        return "the file goes by the machine's clock"
    minutes = int(state.held // 60)
    return (
        "the machine's clock is more than a day off and does not count yet: it has held for "
        f"{minutes} of {int(HOLDS_SECONDS // 60)} minutes"
    )


def _print(location: Location, state: ClockState, line: str, as_json: bool, **more: str) -> None:
    if as_json:
        found: dict[str, Any] = {
            "table": name_of(location),
            "machine": utc(state.machine),
            "file_time": utc(state.file),
            "doubted": state.doubted,
            "held_seconds": int(state.held),
            **more,
        }
        click.echo(json.dumps(found))
        return
    click.echo(f"machine: {utc(state.machine)}")
    click.echo(f"file:    {utc(state.file)}")
    click.echo(line)
