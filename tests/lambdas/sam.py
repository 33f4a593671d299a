"""The SAM CLI, run in the root of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.lambdas.template import ROOT
from tests.tools import SAM, find_tool


def run_sam(*arguments: str | Path, variables: Mapping[str, str] | None = None) -> str:
    """Run ``sam`` in the repository's root; what it prints. Fails the test if it fails."""
    environment = os.environ | {
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
        # The functions' packages are made with this Python's pip.
        "PYTHON": sys.executable,
        **(variables or {}),
    }
    done = subprocess.run(
        [find_tool(SAM), *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def build(folder: Path) -> Path:
    """Build the functions' packages in a folder; the built template."""
    run_sam("build", "--template", ROOT / "template.yaml", "--build-dir", folder, "--parallel")
    return folder / "template.yaml"
