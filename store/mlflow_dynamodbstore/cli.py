"""The command ``mlflow-dynamodbstore``."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Final, NoReturn

import click
from click.shell_completion import CompletionItem

COMMANDS: Final = {
    "clock": "clock:clock",
    "create-table": "create_table:create_table",
    "denormalize-tags": "denormalize_tags:denormalize_tags",
    "explain": "explain:explain",
    "fts-trigrams": "fts_trigrams:fts_trigrams",
    "iam-policy": "iam_policy:iam_policy",
    "replay": "replay:replay",
    "status": "status:status",
    "ttl-policy": "ttl_policy:ttl_policy",
}
"""Each command, and where it is: a module of ``commands``, and its name there."""

_STDERR: Final = 2
_FAILED: Final = 1


def _end(*_: object) -> NoReturn:
    with suppress(OSError):
        os.write(_STDERR, b"Error: Interrupted. Nothing was done.\n")
    os._exit(_FAILED)


@contextmanager
def _ending_when_interrupted() -> Iterator[None]:
    """End at Ctrl-C at once, in a line. As an exception it could not be told from an error of the
    module that is being loaded: some wrap it in one of theirs."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Commands(click.Group):
    """Loads a command when it is called: loading MLflow takes seconds, which neither completion
    nor a mistyped name should wait for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name, _, attribute = COMMANDS[cmd_name].partition(":")
        with _ending_when_interrupted():
            module = import_module(f"mlflow_dynamodbstore.commands.{name}")
        found: click.Command = getattr(module, attribute)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name) for name in sorted(COMMANDS) if name.startswith(incomplete)]


@click.command(cls=_Commands)
@click.version_option(package_name="mlflow-dynamodbstore")
def main() -> None:
    """Look after the table of an MLflow store on DynamoDB.

    \b
    Example:
      mlflow-dynamodbstore status --table mlflow --region eu-central-1

    \b
    Completion in bash (for zsh and fish, the same with their names):
      eval "$(_MLFLOW_DYNAMODBSTORE_COMPLETE=bash_source mlflow-dynamodbstore)"

    Exit codes: 0 done, 1 failed or drift found, 2 wrong usage.
    """
