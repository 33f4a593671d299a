"""What the commands that show and set the configuration have in common."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid

from mlflow_dynamodbstore.commands.replay import (
    end_if_failed,
    print_rebuilt,
    rebuilt,
    rebuilt_json,
)
from mlflow_dynamodbstore.commands.table_options import name_of
from mlflow_dynamodbstore.location import Location, options_of

_WIDE: Final = 1000

replay_option: Final = click.option(
    "--replay", is_flag=True, help="Bring the items that are there up to date at once."
)


def print_found(
    location: Location,
    shown: Mapping[str, Any],
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    as_json: bool,
) -> None:
    """Print what is configured: ``shown`` for machines, a table for people."""
    if as_json:
        click.echo(json.dumps({"table": name_of(location), **shown}))
        return
    grid = Grid(*(Column(head, overflow="fold") for head in heads), box=None, pad_edge=False)
    for row in rows:
        grid.add_row(*row)
    # What is told is no markup, and nothing of it is cut: a pattern may be [a-z]*, or be long.
    width = None if sys.stdout.isatty() else _WIDE
    Console(markup=False, emoji=False, width=width).print(grid)


def finish(
    location: Location,
    shown: Mapping[str, Any],
    lines: list[str],
    *,
    projection: str,
    outdated: bool,
    replay: bool,
    as_json: bool,
) -> None:
    """Say what was set, and name the replay that brings existing items up to date, or do it.

    ``shown`` is for machines, ``lines`` are for people; ``projection`` is the one to replay, and
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
                    **shown,
                    "replay": command if outdated and done is None else None,
                    "replayed": replayed,
                }
            )
        )
    if done is not None:
        end_if_failed(done)
