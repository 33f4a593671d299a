"""Shell completion: the line that the help names, and what it completes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.commands.cli import run

SCRIPTS = sysconfig.get_path("scripts")
PROGRAM = Path(SCRIPTS) / "mlflow-dynamodbstore"


def completed(words: str) -> list[str]:
    """What completion in bash offers behind these words, the last of which is being typed."""
    done = subprocess.run(
        [PROGRAM],
        env={
            **os.environ,
            "_MLFLOW_DYNAMODBSTORE_COMPLETE": "bash_complete",
            "COMP_WORDS": f"mlflow-dynamodbstore {words}",
            "COMP_CWORD": str(len(words.split(" "))),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [("re", ["replay"]), ("status --ta", ["--table"]), ("replay --projection su", ["summary"])],
)
def test_commands_options_and_choices_are_completed(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_line_of_the_help_switches_it_on_in_bash() -> None:
    (line,) = re.findall(r"^ *(eval .*)$", run("--help").output, re.MULTILINE)

    done = subprocess.run(
        ["bash", "-c", f"{line}; complete -p mlflow-dynamodbstore"],
        env={**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )

    assert done.stdout.startswith("complete "), done.stderr
