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
# The cases of the port's contract, which only tests import.
CONTRACT = ROOT / "store/dynamodbstore_table/testing/contract"
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
        if not (name == "pytest" and file.is_relative_to(CONTRACT))
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


# The layers of the plugin, lowest first: a module imports from its own layer and those below.
# What lies in no folder (settings, logs, opening, …) stands beside them.
LAYERS = (
    {"core", "config"},
    {"search", "versioned"},
    {
        *("experiments", "runs", "logged_models", "registered_models", "prompts", "webhooks"),
        *("traces", "evaluation", "garbage", "workspaces", "auth", "gateway", "mcp"),
    },
    {"stores"},
    {"commands", "transfer", "server"},
)
PLUGIN = ROOT / "store" / "mlflow_dynamodbstore"


def layer_of(folder: str) -> int | None:
    return next((n for n, folders in enumerate(LAYERS) if folder in folders), None)


def imported_folders(source: str) -> Iterator[tuple[int, str]]:
    """Line and folder of every import from the plugin itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, rest = node.module.partition(".")
            if package == PLUGIN.name and rest:
                yield node.lineno, rest.partition(".")[0]


def upward(folder: str, source: str) -> list[tuple[int, str]]:
    """The imports of a module in a folder of the plugin that lead to a higher layer."""
    own = layer_of(folder)
    return [
        (line, imported)
        for line, imported in imported_folders(source)
        if own is not None and (other := layer_of(imported)) is not None and other > own
    ]


def test_a_folder_of_the_plugin_is_in_a_layer() -> None:
    folders = {file.parent.name for file in PLUGIN.glob("*/__init__.py")}

    assert {folder for folder in folders if layer_of(folder) is None} == set()


def test_a_layer_of_the_plugin_imports_only_what_lies_below() -> None:
    found = {
        f"{file.relative_to(ROOT)}:{line}: {imported}"
        for file in PLUGIN.glob("*/**/*.py")
        for line, imported in upward(file.relative_to(PLUGIN).parts[0], file.read_text())
    }

    assert found == set()


@pytest.mark.parametrize(
    ("folder", "module"),
    [("core", "search.plan"), ("versioned", "runs.runs"), ("runs", "stores.tracking")],
)
def test_an_import_from_a_higher_layer_is_found(folder: str, module: str) -> None:
    assert upward(folder, f"from mlflow_dynamodbstore.{module} import thing")


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
