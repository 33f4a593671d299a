"""Every client that has the plugin installed pays for its entry points on ``import mlflow``."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

ROUNDS = 4
LIMIT_MS = 10.0

# Runs in a fresh interpreter: times the load of our entry points, with all that they pull in.
PROBE = """
import json, sys, time
from importlib.metadata import EntryPoint

load = EntryPoint.load
spent = []

def timed(entry_point):
    begin = time.perf_counter()
    try:
        return load(entry_point)
    finally:
        if "dynamodbstore" in entry_point.value:
            spent.append((time.perf_counter() - begin) * 1000)

EntryPoint.load = timed
import mlflow
print(json.dumps({"spent_ms": spent, "modules": list(sys.modules)}))
"""


@dataclass(frozen=True)
class Import:
    """What one ``import mlflow`` did: ms in each of our entry points, and all loaded modules."""

    spent_ms: list[float]
    modules: list[str]


def import_mlflow() -> Import:
    done = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    return Import(**json.loads(done.stdout))


@pytest.fixture(scope="module")
def imported() -> Import:
    return import_mlflow()


def test_the_entry_costs_import_mlflow_less_than_ten_ms(imported: Import) -> None:
    # The best of several: a busy machine can only make a round slower.
    best = imported
    for _ in range(ROUNDS - 1):
        if sum(best.spent_ms) < LIMIT_MS:
            break
        best = min(best, import_mlflow(), key=lambda one: sum(one.spent_ms))

    assert best.spent_ms, "import mlflow did not load our entry point"
    assert sum(best.spent_ms) < LIMIT_MS


def test_import_mlflow_loads_the_entry_alone_of_the_plugin(imported: Import) -> None:
    ours = {name for name in imported.modules if "dynamodbstore" in name}

    assert ours == {"mlflow_dynamodbstore", "mlflow_dynamodbstore.entry"}


@pytest.mark.parametrize("heavy", ["boto3", "botocore", "sqlalchemy", "sqlite3", "structlog"])
def test_import_mlflow_loads_nothing_heavy_for_the_plugin(heavy: str, imported: Import) -> None:
    assert heavy not in imported.modules
