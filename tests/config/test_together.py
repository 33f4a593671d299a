"""Servers that start at the same moment come to one configuration."""

from __future__ import annotations

import os
from pathlib import Path

from dynamodbstore_projections.config import TtlPolicy
from mlflow_dynamodbstore.location import parse_location
from mlflow_dynamodbstore.opening import open_configured
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.table_access import open_table

from tests.config.items import days, default_days, patterns
from tests.tracking.processes import together

SERVERS = 8
P = "MLFLOW_DYNAMODB_"
VARIABLES = [
    f"{P}TRACE_RETENTION_DAYS",
    f"{P}SOFT_DELETED_RETENTION_DAYS",
    f"{P}METRIC_HISTORY_RETENTION_DAYS",
]


def test_no_pattern_and_no_days_are_lost(uri: str, tmp_path: Path) -> None:
    def serve(number: int) -> tuple[str, ...]:
        os.environ[f"{P}DENORMALIZE_TAGS"] = f"own{number},shared,team{number % 3}"
        if number < len(VARIABLES):
            os.environ[VARIABLES[number]] = str(100 + number)
        build_tracking_store(uri, str(tmp_path))
        # As a worker of the same server, which finds everything there.
        return open_configured(uri).effective.changes

    again = together(serve, SERVERS)

    table = open_table(parse_location(uri))
    found = patterns(table)
    assert sorted(found) == sorted(
        ["mlflow.*", "shared", "team0", "team1", "team2", *(f"own{n}" for n in range(SERVERS))]
    )
    assert days(table) == {
        "trace_retention_days": 100,
        "soft_deleted_retention_days": 101,
        "metric_history_retention_days": 102,
    }
    assert again == [()] * SERVERS
    table.close()


def test_variables_that_disagree_end_as_one_of_them(uri: str, tmp_path: Path) -> None:
    def serve(number: int) -> None:
        os.environ[f"{P}TRACE_RETENTION_DAYS"] = str(10 + number)
        build_tracking_store(uri, str(tmp_path))

    together(serve, SERVERS)

    effective = [open_configured(uri).effective.config.ttl for _ in range(2)]
    assert effective[0] == effective[1]
    table = open_table(parse_location(uri))
    assert TtlPolicy(**days(table)) == effective[0]
    assert days(table)["trace_retention_days"] in range(10, 10 + SERVERS)
    expected = {**default_days(table), "trace_retention_days": days(table)["trace_retention_days"]}
    assert days(table) == expected
    table.close()
