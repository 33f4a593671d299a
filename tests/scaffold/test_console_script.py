"""The console script is installed and answers."""

from __future__ import annotations

import subprocess
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner, Result


def run(*arguments: str) -> Result:
    (script,) = entry_points(group="console_scripts", name="mlflow-dynamodbstore")
    return CliRunner().invoke(script.load(), arguments)


def test_the_installed_script_names_its_commands() -> None:
    script = Path(sysconfig.get_path("scripts")) / "mlflow-dynamodbstore"

    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)

    assert "create-table" in done.stdout


def test_create_table_makes_a_file_once(tmp_path: Path) -> None:
    uri = f"dynamodb:///{tmp_path}/mlflow.ddb"

    first, second = run("create-table", "--store-uri", uri), run("create-table", "--store-uri", uri)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "created" in first.output
    assert "already there" in second.output
    assert (tmp_path / "mlflow.ddb").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["create-table"],
        ["create-table", "--table", "mlflow"],
        ["create-table", "--store-uri", "sqlite:///mlflow.db"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
