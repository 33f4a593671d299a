"""The command, run in this process; its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result
from mlflow_dynamodbstore.cli import main

DONE, FAILED, USAGE = 0, 1, 2

Named = tuple[str, ...]
"""The options that name a table."""


def run(*arguments: str | Path) -> Result:
    """What the command printed, and how it ended."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run_json(*arguments: str | Path) -> dict[str, Any]:
    """What the command printed for machines."""
    found: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return found


def rows(printed: str) -> list[str]:
    """The lines of a printed table, with one blank between cells."""
    return [" ".join(line.split()) for line in printed.splitlines()]


def commands(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))
            else:
                yield (*path, name), command
