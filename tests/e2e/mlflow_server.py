"""A real ``mlflow server`` to test against: started, killed without warning, started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
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
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"mlflow server did not start:\n{self.log}")
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL the server and every process below it, and return when all are gone."""
        if self._process is None:
            return
        try:
            family = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in family:
            if process.is_running():
                process.kill()
        self._process.wait(timeout=10)
        psutil.wait_procs(family, timeout=10)
        self._process = None

    @property
    def log(self) -> str:
        """All that the server has printed, over every start."""
        return (self._folder / "server.log").read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=5).ok
        except requests.RequestException:
            return False
