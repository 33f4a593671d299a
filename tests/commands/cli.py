"""The command, run in this process; its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from mlflow_dynamodbstore.cli import main

DONE, FAILED, USAGE = 0, 1, 2


def run(*arguments: str | Path) -> Result:
    """What the command printed, and how it ended."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run_json(*arguments: str | Path) -> dict[str, Any]:
    """What the command printed for machines."""
    found: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return found
