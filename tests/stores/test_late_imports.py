"""What a process imports when a store is opened, and by the first call of each reading method."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
WORKER = "_MLFLOW_SERVER_FILE_STORE"

# Runs in a fresh interpreter; prints the modules that each step has imported.
PROBE = """
import json, sys
import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore import entry

folder = sys.argv[1]
uri = f"dynamodb:///{folder}/store.ddb"
tracking, registry = entry.tracking_store(uri, folder), entry.registry_store(uri)
run = tracking.create_run("0", "ada", 1, [], "lion").info.run_id
tracking.log_metric(run, Metric("m", 1.0, 1, 1))
tracking.log_batch(run, [Metric("n", 1.0, 1, 1)], [Param("p", "1")], [RunTag("t", "1")])
model = tracking.create_logged_model("0", "net").model_id
registry.create_registered_model("net")
registry.create_model_version("net", "s")
imported = {"logging": [name for name in sys.modules]}
every = ViewType.ALL
count = [MetricAggregation(AggregationType.COUNT)]
steps = {
    "get_experiment": lambda: tracking.get_experiment("0"),
    "search_experiments": lambda: tracking.search_experiments(every, 9, "name LIKE '%D%'"),
    "get_run": lambda: tracking.get_run(run),
    "search_runs": lambda: tracking.search_runs(
        ["0"], "params.p = '1' AND metrics.m > 0 AND tags.t ILIKE '1'", every, 9, ["metrics.m"]
    ),
    "get_metric_history": lambda: tracking.get_metric_history(run, "m"),
    "get_metric_history_bulk_interval_from_steps": lambda: (
        tracking.get_metric_history_bulk_interval_from_steps(run, "m", [1], 9)
    ),
    "_search_datasets": lambda: tracking._search_datasets(["0"]),
    "get_logged_model": lambda: tracking.get_logged_model(model),
    "search_logged_models without a filter": lambda: tracking.search_logged_models(["0"]),
    "search_logged_models": lambda: tracking.search_logged_models(
        ["0"], "name = 'net' AND metrics.m > 1", None, 9, [{"field_name": "metrics.m"}]
    ),
    "search_traces": lambda: tracking.search_traces(["0"]),
    "query_trace_metrics": lambda: tracking.query_trace_metrics(
        ["0"], MetricViewType.TRACES, "trace_count", count
    ),
    "get_registered_model": lambda: registry.get_registered_model("net"),
    "search_registered_models": lambda: registry.search_registered_models("name LIKE '%n%'", 9),
    "search_model_versions": lambda: registry.search_model_versions("name = 'net'", 9, ["name"]),
    "get_model_version": lambda: registry.get_model_version("net", "1"),
    "get_latest_versions": lambda: registry.get_latest_versions("net"),
    "list_webhooks": lambda: registry.list_webhooks(9),
    "search_prompts": lambda: registry.search_prompts("", 9),
}
for name, step in steps.items():
    had = set(sys.modules)
    step()
    imported[name] = [module for module in sys.modules if module not in had]
print(json.dumps(imported))
"""


def imported_by(folder: Path, **variables: str) -> dict[str, list[str]]:
    """The modules that each step of a new process imports, by the step's name."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(folder)],
        env={**os.environ, **quiet, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def of_a_script(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return imported_by(tmp_path_factory.mktemp("script"))


def test_a_script_that_only_logs_imports_nothing_for_searches(
    of_a_script: dict[str, list[str]],
) -> None:
    late = {"sqlalchemy", "boto3", "mlflow.utils.search_logged_model_utils"}

    assert late.isdisjoint(of_a_script["logging"])


def test_search_logged_models_without_a_filter_imports_nothing(
    of_a_script: dict[str, list[str]],
) -> None:
    assert of_a_script["search_logged_models without a filter"] == []


def test_no_reading_method_imports_anything_in_a_worker_of_a_server(tmp_path: Path) -> None:
    imported = imported_by(tmp_path, **{WORKER: f"dynamodb:///{tmp_path}/store.ddb"})
    del imported["logging"]

    assert {name: modules for name, modules in imported.items() if modules} == {}
