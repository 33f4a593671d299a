"""Variables: their defaults, what they may say, and the refusal of anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mlflow_dynamodbstore.settings import Settings, read_settings
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.e2e.mlflow_server import MlflowServer
from tests.tracking.stores import refused

P = "MLFLOW_DYNAMODB_"
DAYS = [
    "SOFT_DELETED_RETENTION_DAYS",
    "TRACE_RETENTION_DAYS",
    "METRIC_HISTORY_RETENTION_DAYS",
]
WRONG_DAYS = ["-1", "1.5", "soon", "", " ", "1e3", "٣", "99999999999", "True"]
WRONG_PATTERNS = ["te[am", "a,[!b", "[z-a]x", "x" * 251, "a\tb"]


def test_without_variables_everything_is_as_documented() -> None:
    assert read_settings({}) == Settings(
        projections="auto", run_shards=1, slow_ms=1000, patterns=(), days={}, fts_fields=()
    )


def test_every_variable_is_read() -> None:
    found = read_settings(
        {
            f"{P}SOFT_DELETED_RETENTION_DAYS": "7",
            f"{P}TRACE_RETENTION_DAYS": "0",
            f"{P}METRIC_HISTORY_RETENTION_DAYS": "30",
            f"{P}DENORMALIZE_TAGS": "team, env*,,team",
            f"{P}FTS_TRIGRAM_FIELDS": "description",
            f"{P}PROJECTIONS": "stream",
            f"{P}RUN_SHARDS": "4",
            f"{P}SLOW_MS": "250",
        }
    )

    assert found.days == {
        "soft_deleted_retention_days": 7,
        "trace_retention_days": 0,
        "metric_history_retention_days": 30,
    }
    assert found.patterns == ("team", "env*")
    assert found.fts_fields == ("description",)
    assert (found.projections, found.run_shards, found.slow_ms) == ("stream", 4, 250)
    assert len(found.given) == 8


@pytest.mark.parametrize("pattern", ["*", "mlflow.*", "te?m", "[a-z]*", "[]x]", "[!a]b", "a b/c-d"])
def test_patterns_are_globs(pattern: str) -> None:
    assert read_settings({f"{P}DENORMALIZE_TAGS": pattern}).patterns == (pattern,)


REFUSALS = [
    *((name, value, "non-negative whole number of days") for name in DAYS for value in WRONG_DAYS),
    *(("DENORMALIZE_TAGS", value, "a pattern is the key of a tag") for value in WRONG_PATTERNS),
    ("FTS_TRIGRAM_FIELDS", "description,colour", "'colour' is unknown; .* are: description"),
    ("FTS_TRIGRAM_FIELDS", "name", "names always have"),
    ("PROJECTIONS", "later", "not auto, inline or stream"),
    ("PROJECTIONS", "", "not auto, inline or stream"),
    ("RUN_SHARDS", "0", "from 1 to 100"),
    ("RUN_SHARDS", "101", "from 1 to 100"),
    ("SLOW_MS", "-5", "whole number of milliseconds"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), REFUSALS)
def test_an_invalid_value_stops_the_start_before_anything_is_written(
    name: str, value: str, allowed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{P}{name}", value)

    with refused("INVALID_PARAMETER_VALUE") as refusal:
        build_tracking_store(f"dynamodb:///{tmp_path}/store.ddb", str(tmp_path))

    message = str(refusal.value)
    assert f"{P}{name}={value!r} is " in message
    assert re.search(allowed, message)
    assert not (tmp_path / "store.ddb").exists()


@pytest.mark.e2e
def test_a_server_does_not_start_and_logs_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{P}TRACE_RETENTION_DAYS", "a month")
    server = MlflowServer(f"dynamodb:///{tmp_path}/store.ddb", tmp_path)

    with pytest.raises(RuntimeError, match="did not start"):
        server.start()

    assert f"{P}TRACE_RETENTION_DAYS='a month' is not a non-negative whole number" in server.log
