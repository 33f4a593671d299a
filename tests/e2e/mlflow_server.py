"""A real ``mlflow server`` to test against: started, killed without warning, started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import requests

from tests.engines import free_port

_START_SECONDS = 120.0


class MlflowServer:
    """``mlflow server`` on one backend store, in a folder of its own.

    Its artifacts lie in the folder, its output in ``server.log`` there.
    """

    def __init__(self, backend_store_uri: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._backend = backend_store_uri
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, workers: int = 1) -> None:
        """Start the server, each worker a process of its own, and return when it answers."""
        port = self.url.rpartition(":")[2]
        command = [sys.executable, "-m", "mlflow", "server", "--port", port]
        command += ["--backend-store-uri", self._backend, "--workers", str(workers)]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
                start_new_session=True,
            )
        try:
            wait_until_it_answers(self.url, self._process, _START_SECONDS, lambda: self.log)
        except RuntimeError:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL the server and every process below it, and return when all are gone."""
        if self._process is None:
            return
        killed_with_all_below(self._process)
        self._process = None

    @property
    def log(self) -> str:
        """All that the server has printed, over every start."""
        return (self._folder / "server.log").read_text(errors="replace")


def answers(url: str) -> bool:
    """Whether a server is there, and well."""
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.RequestException:
        return False


def wait_until_it_answers(
    url: str, process: subprocess.Popen[bytes], seconds: float, log: Callable[[], str]
) -> None:
    """Return when the server answers; raise ``RuntimeError`` with its log if it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"mlflow server did not start:\n{log()}")
        time.sleep(0.1)


def killed_with_all_below(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process that leads a session, and every process below it; return when all are
    gone."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for below in family:
        if below.is_running():
            below.kill()
    process.wait(timeout=10)
    psutil.wait_procs(family, timeout=10)
