"""Events in the log: one line each, where the process's own logging wants them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import mlflow.cli
import pytest
from dynamodbstore_table.dynamodb.retry import Retry
from dynamodbstore_table.errors import InvalidOps, TableUnavailable
from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.location import EndpointLocation, FileLocation, RegionLocation
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.logs.conftest import Events

TABLE = RegionLocation("eu-central-1", "mlflow")
SUMMARY = {
    "trace_retention_days": {"value": 7, "source": "variable"},
    "denormalize_tags": {"mlflow.*": "default", "team": "persisted"},
    "built": ["fts:name", "summary"],
    "changed": [],
}
CHANGED = {"changed": ["DENORMALIZE_TAGS: added mlflow.*, team", "TTL_POLICY: a = 7, before 30"]}

# Opens a store, and prints what logging and structlog are configured to before and after.
PROGRAM = """
import logging, sys
import mlflow, structlog
from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

def configured():
    root, ours = logging.getLogger(), logging.getLogger("mlflow_dynamodbstore")
    of_mlflow = logging.getLogger("mlflow")
    return [
        (logger.level, list(logger.handlers), logger.propagate, logger.disabled)
        for logger in (root, ours, of_mlflow)
    ], structlog.is_configured(), structlog.get_config()["processors"]

before = configured()
build_tracking_store(sys.argv[1], sys.argv[2])
logs.slow_operation("search_runs", 1234.5, 7)
print(configured() == before)
"""


def in_a_process(folder: Path, before: str = "", **variables: str) -> tuple[str, list[str]]:
    """What a process that opens a store prints, and the lines of its standard error."""
    done = subprocess.run(
        [sys.executable, "-c", before + PROGRAM, f"dynamodb:///{folder}/mlflow.ddb", str(folder)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr.splitlines()


class TestALine:
    def test_a_line_holds_one_event_as_keys_and_values(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        logs.slow_operation("search_runs", 1234.5, 7)

        (record,) = caplog.records
        assert record.name == "mlflow_dynamodbstore"
        assert record.levelno == logging.WARNING
        assert record.getMessage() == (
            "event=slow_operation operation=search_runs ms=1234 requests=7"
        )

    def test_an_event_stays_one_line_whatever_it_holds(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        logs.projections_behind("RUN#1", TableUnavailable("first\nsecond\r\n100% third"))

        (record,) = caplog.records
        assert len(record.getMessage().splitlines()) == 1
        assert 'reason="first second 100% third"' in record.getMessage()

    def test_a_record_has_the_fields_of_its_event(self, events: Events) -> None:
        logs.request_retried(Retry("PutItem", "Throttled", 2, 51.4))

        assert events("request_retried") == [
            {
                "event": "request_retried",
                "operation": "PutItem",
                "reason": "Throttled",
                "pause_ms": 51,
                "attempt": 2,
            }
        ]

    def test_reason_of_leaves_out_a_text_that_may_hold_a_value(self) -> None:
        assert logs.reason_of(InvalidOps("the value 'hunter2' is wrong")) == {"error": "InvalidOps"}


class TestTheStart:
    @pytest.fixture(autouse=True)
    def nothing_logged(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logs, "_STARTED", set())

    @pytest.mark.parametrize(
        ("location", "where"),
        [
            (
                RegionLocation("eu-central-1", "mlflow"),
                {
                    "engine": "dynamodb",
                    "region": "eu-central-1",
                    "table": "mlflow",
                },
            ),
            (
                EndpointLocation("http://127.0.0.1:8000", "dev"),
                {
                    "engine": "dynamodb",
                    "endpoint": "http://127.0.0.1:8000",
                    "table": "dev",
                },
            ),
            (
                FileLocation(Path("/data/mlflow.ddb")),
                {"engine": "embedded", "file": "/data/mlflow.ddb", "durability": "full"},
            ),
        ],
        ids=["region", "endpoint", "file"],
    )
    def test_started_has_the_engine_and_the_table(
        self, events: Events, location: Any, where: dict[str, str]
    ) -> None:
        logs.started(location, "inline", {})

        (event,) = events("started")
        assert {**where, "mode": "inline"}.items() <= event.items()

    def test_started_has_every_setting_with_its_source(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)

        logs.started(TABLE, "stream", SUMMARY)

        assert (
            "mode=stream trace_retention_days=7:variable "
            "denormalize_tags=mlflow.*:default,team:persisted built=fts:name,summary"
        ) in caplog.text

    def test_started_is_logged_by_a_store_that_is_opened(
        self, events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_DYNAMODB_SLOW_MS", "250")

        build_tracking_store(f"dynamodb:///{tmp_path}/mlflow.ddb", str(tmp_path))

        (event,) = events("started")
        assert event["slow_ms"] == "250:variable"
        assert event["projections"] == "auto:default"

    def test_started_is_logged_once_by_the_command_that_starts_a_server(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)

        with click.Context(mlflow.cli.server):
            for _ in range(2):
                logs.started(TABLE, "inline", SUMMARY)

        assert len(caplog.records) == 1

    def test_started_is_not_logged_by_workers_and_scripts(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)

        logs.started(TABLE, "inline", SUMMARY)
        with click.Context(click.Command("server", callback=lambda: None)):
            logs.started(TABLE, "inline", SUMMARY)

        assert caplog.records == []

    def test_started_is_logged_where_the_configuration_changes(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)

        logs.started(TABLE, "inline", SUMMARY | CHANGED)

        assert caplog.messages[0].endswith(
            'changed="DENORMALIZE_TAGS: added mlflow.*, team; TTL_POLICY: a = 7, before 30"'
        )


class TestTheProcess:
    def test_a_process_keeps_its_logging_and_sees_events_among_mlflows(
        self, tmp_path: Path
    ) -> None:
        printed, lines = in_a_process(tmp_path)

        assert printed == "True"
        assert any("INFO mlflow.dynamodbstore: event=started" in line for line in lines)
        assert any("WARNING mlflow.dynamodbstore: event=slow_operation" in line for line in lines)

    def test_opening_a_table_without_changes_logs_nothing(self, tmp_path: Path) -> None:
        build_tracking_store(f"dynamodb:///{tmp_path}/mlflow.ddb", str(tmp_path))

        _, lines = in_a_process(tmp_path)

        assert [line for line in lines if "event=slow_operation" not in line] == []

    def test_mlflows_level_counts_for_events(self, tmp_path: Path) -> None:
        _, lines = in_a_process(tmp_path, MLFLOW_LOGGING_LEVEL="ERROR")

        assert not [line for line in lines if "event=" in line]

    def test_a_process_with_its_own_logging_has_events_where_it_wants_them(
        self, tmp_path: Path
    ) -> None:
        own = "import logging; logging.basicConfig(level='WARNING', format='mine: %(message)s')\n"

        _, lines = in_a_process(tmp_path, own)

        assert [line for line in lines if "event=" in line] == [
            "mine: event=slow_operation operation=search_runs ms=1234 requests=7"
        ]
