"""The engines that tests run against: found or installed, started, and stopped again."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DYNOXIDE_VERSION = "1.2.1"
_INSTALL_SECONDS = 120
_START_SECONDS = 20.0


class EngineMissing(Exception):
    """The engine is not on this machine and can't be installed; the message says why."""


def find_dynoxide() -> Path:
    """The program of the DynamoDB-compatible server: on PATH, or installed from npm into a cache.

    Raises ``EngineMissing``.
    """
    on_path = shutil.which("dynoxide")
    if on_path is not None:
        return Path(on_path)
    package = f"{_system()}-{_processor()}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    prefix = cache / "mlflow-dynamodbstore" / f"dynoxide-{DYNOXIDE_VERSION}"
    program = prefix / "node_modules" / "@dynoxide" / package / "dynoxide"
    if not program.exists():
        _install(f"@dynoxide/{package}@{DYNOXIDE_VERSION}", prefix)
    return program


@contextmanager
def running_dynoxide(folder: Path) -> Iterator[str]:
    """Start the server with nothing in it; yield its URL; stop it. Its log is in ``folder``.

    Its tables are in memory: what a test kills is never the server, and to write through to a disk
    takes the tests of it a quarter longer.
    """
    program = find_dynoxide()
    port = free_port()
    with (folder / "dynoxide.log").open("wb") as log:
        server = subprocess.Popen(
            [program, "--port", str(port)], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_for(server, port, folder / "dynoxide.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=10)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"dynoxide did not start: {log.read_text(errors='replace')}")


def _install(package: str, prefix: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EngineMissing("dynoxide is not on PATH, and there is no npm to install it with")
    prefix.parent.mkdir(parents=True, exist_ok=True)
    # Installed aside and moved into place, so that two test runs never see half of it.
    with tempfile.TemporaryDirectory(dir=prefix.parent) as aside:
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", aside, package]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise EngineMissing(
                f"npm took over {_INSTALL_SECONDS} s to install {package}"
            ) from None
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip()
            raise EngineMissing(f"npm could not install {package}: {reason}") from None
        if not prefix.exists():
            (Path(aside)).rename(prefix)
            Path(aside).mkdir()


def _system() -> str:
    return platform.system().lower()


def _processor() -> str:
    machine = platform.machine().lower()
    return {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(machine, machine)
