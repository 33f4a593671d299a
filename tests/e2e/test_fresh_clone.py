"""The README's two commands, in a fresh clone and environments of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.docs import markdown
from tests.docs.markdown import ROOT
from tests.e2e.mlflow_server import answers, killed_with_all_below, wait_until_it_answers
from tests.engines import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TRAIN = """
import mlflow
with mlflow.start_run():
    mlflow.log_metric("loss", 0.5)
"""
_SECONDS = 600


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed here, as a stranger gets it."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    # Whoever owns this clone: a test may read it.
    trusted = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    subprocess.run(
        ["git", "clone", "--quiet", str(ROOT), str(folder)], check=True, env=os.environ | trusted
    )
    return folder


@pytest.fixture
def strangers_shell(tmp_path: Path) -> Mapping[str, str]:
    """The environment of a shell that knows nothing of the one that runs these tests."""
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    ours = str(Path(sys.prefix) / "bin")
    path = [p for p in os.environ["PATH"].split(os.pathsep) if p != ours]
    # What is installed is not compiled: most of it is never imported here.
    quick = {"PIP_NO_COMPILE": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {**kept, **quick, "PATH": os.pathsep.join(path)}


@pytest.fixture
def environment(
    clone: Path, tmp_path: Path, strangers_shell: Mapping[str, str]
) -> Mapping[str, str]:
    """A shell in a new environment with nothing but pip."""
    subprocess.run(
        ["make", "environment", f"VENV={tmp_path}/env"],
        cwd=clone,
        env=strangers_shell,
        check=True,
        timeout=_SECONDS,
    )
    path = f"{tmp_path}/env/bin{os.pathsep}{strangers_shell['PATH']}"
    return {**strangers_shell, "PATH": path}


def readme_block(holding: str) -> str:
    """The indented command of the README that holds a text."""
    lines = markdown.read("README.md").splitlines()
    (found,) = [line.strip() for line in lines if line.startswith("    ") and holding in line]
    return found


@pytest.fixture
def server(
    clone: Path, tmp_path: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, Path]]:
    """The README's first command, on a port that is free; its URL and its log."""
    command = readme_block("pip install . && ")
    url = f"http://127.0.0.1:{free_port()}"
    port = url.rpartition(":")[2]
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", re.sub(r"--port \d+", f"--port {port}", command)],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(url, process, _SECONDS, lambda: log.read_text(errors="replace"))
        yield url, log
    finally:
        killed_with_all_below(process)


def test_the_first_command_serves_what_a_script_logs(
    server: tuple[str, Path], clone: Path, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    # Given the README's line for a script, with the server's port
    url, log = server
    (tmp_path / "train.py").write_text(TRAIN)
    line = readme_block("MLFLOW_TRACKING_URI=http://127.0.0.1")

    # When the script runs
    subprocess.run(
        ["bash", "-c", re.sub(r"http://\S+", url, line)],
        cwd=tmp_path,
        env=environment,
        check=True,
        timeout=_SECONDS,
    )

    # Then the server has its run, in the file beside the clone's
    (run,) = MlflowClient(url).search_runs(["0"])
    assert run.data.metrics == {"loss": 0.5}
    assert (clone / "mlflow.ddb").exists()
    assert "Traceback" not in log.read_text(errors="replace")
    assert "job execution" not in log.read_text(errors="replace")
    assert answers(url)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_the_command_of_developers_sets_up_and_can_test(
    clone: Path, tmp_path: Path, strangers_shell: Mapping[str, str]
) -> None:
    (block,) = markdown.blocks(markdown.section("README.md", "## Developing"), "sh")
    target = block.split()[1]

    # When all that the command does runs, but for the tests themselves
    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=strangers_shell,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("make setup")
    run("make lint")
    planned = run(f"make -n {target}")

    # Then the tests are what is left, and are found
    assert ".venv/bin/pytest" in planned
    assert "pip install" not in planned
    assert "tests/scaffold/test_make.py" in run(
        ".venv/bin/pytest -n 0 --collect-only tests/scaffold"
    )
