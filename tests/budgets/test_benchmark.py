"""The benchmark command runs, beside MLflow's SQL store, and prints what machines can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_PROGRAMS = Path(__file__).parents[2] / "benchmarks"


def run_benchmark(
    folder: Path, *arguments: str, program: str = "operations.py"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, _PROGRAMS / program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_benchmark_prints_costs_times_and_ratios(tmp_path: Path) -> None:
    """Given a file and a database that don't exist yet, when some operations are measured, then
    each has its requests, its units, and the times of both stores."""
    done = run_benchmark(
        tmp_path,
        *("dynamodb:///table.ddb", "--sql", "sqlite:///mlflow.db"),
        *("--quick", "--json", "--runs", "60", "--readback", "5"),
        *("--only", "log_metric", "--only", "delete or restore", "--only", "read back"),
        *("--models", "60", "--only", "by run_id"),
    )

    assert done.returncode == 0, done.stderr
    rows = {row["operation"].split()[0].rstrip(","): row for row in json.loads(done.stdout)}
    assert rows.keys() == {"log_metric", "delete", "read", "search_model_versions"}
    assert rows["log_metric"]["requests_by_kind"] == {"UpdateItem": 1.0}
    assert rows["log_metric"]["verdict"] == "ok"
    assert rows["read"]["read_units"] > 0
    assert rows["search_model_versions"]["requests_by_kind"] == {"BatchGetItem": 1.0, "Query": 1.0}
    for row in rows.values():
        assert row["ratio"] == row["sql_ms"] / row["ms"]


def test_the_benchmark_of_traces_prints_costs_times_and_ratios(tmp_path: Path) -> None:
    done = run_benchmark(
        tmp_path,
        *("dynamodb:///table.ddb", "--sql", "sqlite:///mlflow.db", "--quick", "--json"),
        *("--only", "send a trace of 6 spans", "--only", "get_trace"),
        program="traces.py",
    )

    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["operation"].split()[0] for row in rows] == ["send", "get_trace_info", "get_trace,"]
    assert all(row["verdict"] == "ok" and row["sql_ms"] > 0 for row in rows)
