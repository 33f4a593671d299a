"""What the commands that show and set the configuration have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import click
from dynamodbstore_table.errors import TableMissing
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.commands.failures import options_of
from mlflow_dynamodbstore.commands.replay import (
    end_if_failed,
    print_rebuilt,
    rebuilt,
    rebuilt_json,
)
from mlflow_dynamodbstore.commands.table_options import name_of, opened
from mlflow_dynamodbstore.commands.waiting import pause_saying
from mlflow_dynamodbstore.location import Location

replay_option: Final = click.option(
    "--replay", is_flag=True, help="Bring the items that are there up to date at once."
)

TAKING_AWAY: Final = pause_saying(
    "Searches no longer rely on what is taken away; it goes when every running server and function "
    "has heard of that."
)
"""How ``set`` waits before it takes something away."""


@contextmanager
def existing(location: Location) -> Iterator[Table]:
    """The table at a location, closed in the end. Raises ``TableMissing``."""
    with opened(location) as table:
        if not table.exists():
            raise TableMissing(name_of(location))
        yield table


def checked(fault_of: Callable[[object], str | None]) -> Callable[..., tuple[str, ...]]:
    """The callback of an option that may be given several times: a value with a fault is wrong
    usage."""

    def check(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Any:
        for one in value:
            fault = fault_of(one)
            if fault is not None:
                raise click.BadParameter(f"{one!r} is {fault}.", ctx, param)
        return value

    return check


def finish(
    location: Location,
    said: Mapping[str, Any],
    lines: list[str],
    *,
    projection: str,
    outdated: bool,
    replay: bool,
    as_json: bool,
) -> None:
    """Say what was set, and name the replay that brings existing items up to date, or do it.

    ``said`` is for machines, ``lines`` are for people; ``projection`` is the one to replay, and
    ``outdated`` says whether the change needs it.
    """
    command = f"mlflow-dynamodbstore replay {options_of(location)} --projection {projection}"
    if not as_json:
        for line in lines:
            click.echo(line)
        if outdated and not replay:
            click.echo(f"To bring what is there up to date, run with --replay, or:\n  {command}")
    done = None
    if replay:
        done = rebuilt(location, [projection], shown=not as_json)
        if not as_json:
            print_rebuilt(done)
    if as_json:
        replayed = None if done is None else rebuilt_json(done)
        click.echo(
            json.dumps(
                {
                    "table": name_of(location),
                    **said,
                    "replay": command if outdated and done is None else None,
                    "replayed": replayed,
                }
            )
        )
    if done is not None:
        end_if_failed(done)


def listed(values: tuple[str, ...] | list[str]) -> str:
    """Values for people."""
    return ", ".join(values) or "none"
