"""Programs from PyPI that pin what they need: each is installed into an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_INSTALL_SECONDS = 240


@dataclass(frozen=True)
class Tool:
    """A program, and the requirements that bring it; the first one names its version."""

    program: str
    requirements: tuple[str, ...]


SAM = Tool("sam", ("aws-sam-cli==1.170.0",))
AWS = Tool("aws", ("awscli==1.46.2",))
MINISTACK = Tool("ministack", ("ministack==1.5.33", "aws-sam-translator==1.115.0"))


def find_tool(tool: Tool) -> Path:
    """The program: on PATH, or installed into a cache.

    Skips the test where it can't be installed, and fails it in CI.
    """
    on_path = shutil.which(tool.program)
    if on_path is not None:
        return Path(on_path)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "mlflow-dynamodbstore" / tool.requirements[0].replace("==", "-")
    program = home / "bin" / tool.program
    if not program.exists():
        try:
            _install(tool, home)
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", None) or str(error)
            reason = f"{tool.program} is not on PATH and can't be installed: {output}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
    return program


def _install(tool: Tool, home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        _run("-m", "venv", "--without-pip", str(home))
        pip = ["-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
        _run(*pip, "--disable-pip-version-check", *tool.requirements)
    except BaseException:
        # Half an environment must not be taken for a whole one.
        shutil.rmtree(home, ignore_errors=True)
        raise


def _run(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        stdin=subprocess.DEVNULL,
    )
