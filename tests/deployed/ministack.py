"""A stand-in for AWS on 127.0.0.1, which enforces the policies of the roles it is given."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.engines import free_port
from tests.tools import MINISTACK, find_tool

REGION = "us-east-1"
OPERATOR = {
    # The stand-in's own name for someone who may do everything.
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
}
_START_SECONDS = 60.0


@contextmanager
def running_ministack(folder: Path) -> Iterator[str]:
    """Start it with nothing in it; yield its URL; stop it and the functions that it runs."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        **OPERATOR,
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),
    }
    # The functions would take what is meant for the tests' own clients.
    environment = {k: v for k, v in environment.items() if not k.startswith("MLFLOW_")}
    log = folder / "ministack.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [find_tool(MINISTACK)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(process, url, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/_ministack/health", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError(f"ministack did not start: {log.read_text(errors='replace')[-5000:]}")
