"""Imports run one way, and only the plugin knows MLflow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each package and what it may import of ours, itself aside.
MAY_IMPORT: dict[str, set[str]] = {
    "dynamodbstore_events": set(),
    "dynamodbstore_table": {"dynamodbstore_events"},
    "dynamodbstore_projections": {"dynamodbstore_events", "dynamodbstore_table"},
    "dynamodbstore_lambdas": {
        "dynamodbstore_events",
        "dynamodbstore_table",
        "dynamodbstore_projections",
    },
    "mlflow_dynamodbstore": {
        "dynamodbstore_events",
        "dynamodbstore_table",
        "dynamodbstore_projections",
    },
}
# What a Lambda package may hold beside ours: it has to stay under 10 MB.
LAMBDA_LIBRARIES = {"boto3", "botocore", "aws_lambda_powertools", "structlog", "orjson"}
FOLDERS = {
    "dynamodbstore_events": "events",
    "dynamodbstore_table": "store",
    "dynamodbstore_projections": "projections",
    "dynamodbstore_lambdas": "lambdas",
    "mlflow_dynamodbstore": "store",
}


def imported_packages(source: str) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import, those inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.lineno, node.module.partition(".")[0]


def breaches(package: str, source: str) -> list[tuple[int, str]]:
    """The imports of ``source`` that a module of ``package`` may not make."""
    ours = MAY_IMPORT[package] | {package}
    found = []
    for line, name in imported_packages(source):
        if name in MAY_IMPORT:
            allowed = name in ours
        elif package == "mlflow_dynamodbstore" or name in sys.stdlib_module_names:
            allowed = True
        else:
            allowed = name in LAMBDA_LIBRARIES
        if not allowed:
            found.append((line, name))
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_before_it(package: str) -> None:
    files = sorted((ROOT / FOLDERS[package] / package).rglob("*.py"))

    found = {
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files
        for line, name in breaches(package, file.read_text())
    }

    assert files
    assert found == set()


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("dynamodbstore_events", "import dynamodbstore_table.port"),
        ("dynamodbstore_table", "from mlflow.exceptions import MlflowException"),
        ("dynamodbstore_table", "def f():\n    import mlflow"),
        ("dynamodbstore_projections", "from mlflow_dynamodbstore import settings"),
        ("dynamodbstore_lambdas", "import pandas"),
        ("mlflow_dynamodbstore", "import dynamodbstore_lambdas"),
    ],
)
def test_an_import_against_the_flow_is_found(package: str, source: str) -> None:
    assert len(breaches(package, source)) == 1


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("dynamodbstore_events.keys", {"mlflow", "boto3", "botocore"}),
        ("dynamodbstore_events.change", {"mlflow", "boto3", "botocore"}),
        ("dynamodbstore_table.port", {"mlflow", "boto3", "botocore"}),
        ("dynamodbstore_table.embedded.table", {"mlflow", "boto3", "botocore"}),
        ("dynamodbstore_table.dynamodb.table", {"mlflow", "pandas", "sqlalchemy"}),
        ("dynamodbstore_projections", {"mlflow", "boto3", "botocore"}),
        ("dynamodbstore_lambdas", {"mlflow", "pandas", "sqlalchemy"}),
    ],
)
def test_a_module_loads_nothing_heavy(module: str, unwanted: set[str]) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert module in loaded
    assert unwanted.isdisjoint(loaded)
