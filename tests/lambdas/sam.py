"""The SAM CLI: it pins what it needs, so it has an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.lambdas.template import ROOT


def find_sam() -> str:
    """The program, by ``SAM_CLI`` or on PATH; skips the test, or in CI fails it, without one."""
    found = os.environ.get("SAM_CLI") or shutil.which("sam")
    if found is None:
        missing = "there is no sam on PATH, nor does SAM_CLI name it (PyPI: aws-sam-cli)"
        if os.environ.get("CI"):
            pytest.fail(f"CI runs with it: {missing}")
        pytest.skip(missing)
    return found


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
        [find_sam(), *map(str, arguments)],
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
