"""Runs the training script as a user does: in a process of its own, by its tracking URI alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("training_script.py")
_SECONDS = 150
_OURS = re.compile(r"dynamodbstore|Traceback|\bERROR\b|[Ff]ailed to|\" 5\d\d ")
_EVENT = re.compile(r" INFO mlflow\.dynamodbstore: event=")


@dataclass(frozen=True)
class Training:
    """The results that a run of the script printed, and its other output."""

    results: dict[str, Any]
    output: str


def run_training_script(tracking_uri: str, folder: Path) -> Training:
    """Run the script in ``folder`` to its end; raises ``AssertionError`` where it fails."""
    settings = {
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # MLflow imports each logged model in a new process to see what it needs, for several
        # seconds; after this many it takes its own default list.
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",
    }
    done = subprocess.run(
        [sys.executable, SCRIPT],
        cwd=folder,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    *output, last = done.stdout.splitlines()
    return Training(json.loads(last), "\n".join(output))


def lines_of_ours(output: str) -> list[str]:
    """The lines of a program's output that our store is behind: warnings, errors, answers 5xx.

    Not those of the events that it logs when all is well.
    """
    lines = output.splitlines()
    return [line for line in lines if _OURS.search(line) and not _EVENT.search(line)]
