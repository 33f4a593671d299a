"""Which process of an ``mlflow server`` this is, if it is one."""

from __future__ import annotations

import os
from typing import Final

import click

# `mlflow server` sets it for its workers, after it has opened the store itself.
_OF_A_WORKER: Final = "_MLFLOW_SERVER_FILE_STORE"
_COMMANDS_OF: Final = "mlflow.cli"
_SERVER: Final = "server"


def starts_a_server() -> bool:
    """Whether this process is in the command ``mlflow server`` (or ``ui``), before its workers."""
    context = click.get_current_context(silent=True)
    if context is None or context.command.name != _SERVER:
        return False
    module: str = getattr(context.command.callback, "__module__", "")
    return module.startswith(_COMMANDS_OF)


def is_worker() -> bool:
    """Whether this process is a worker of ``mlflow server``."""
    return _OF_A_WORKER in os.environ
