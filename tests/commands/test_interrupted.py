"""A command whose user presses Ctrl-C, or whose reader goes away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.commands.cli import DONE, FAILED, run

PROGRAM = Path(sysconfig.get_path("scripts")) / "mlflow-dynamodbstore"


def hear_interrupts() -> None:
    """Undo what a shell does to its background jobs, of which this may be one: they ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        endpoint.settimeout(60)
        url = f"http://127.0.0.1:{endpoint.getsockname()[1]}"
        command = subprocess.Popen(
            [PROGRAM, "status", "--table", "mlflow", "--endpoint-url", url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_interrupts,
        )
        try:
            # It waits for an answer that will never come.
            connection, _ = endpoint.accept()
            with connection:
                command.send_signal(signal.SIGINT)
                stdout, stderr = command.communicate(timeout=30)
        finally:
            command.kill()
            command.wait()

    assert command.returncode == FAILED
    assert stdout == ""
    assert stderr.startswith("Error: Interrupted.")
    assert len(stderr.splitlines()) == 1


def test_ctrl_c_while_mlflow_is_loaded_is_told_in_a_line_too() -> None:
    program = """
import signal
from mlflow_dynamodbstore import cli

def load(name):
    # As pydantic does, which MLflow loads.
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as interrupt:
        raise ValueError("could not build a validator") from interrupt

cli.import_module = load
cli.main(["status", "--help"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        preexec_fn=hear_interrupts,
    )

    assert done.returncode == FAILED
    assert (done.stdout, done.stderr) == ("", "Error: Interrupted. Nothing was done.\n")


def test_a_closed_pipe_is_no_error_to_tell(tmp_path: Path) -> None:
    uri = f"dynamodb:///{tmp_path}/mlflow.ddb"
    assert run("create-table", "--store-uri", uri).exit_code == DONE
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [PROGRAM, "status", "--store-uri", uri], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)

    assert done.returncode == FAILED
    assert done.stderr == ""
