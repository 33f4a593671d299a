"""``CONFIG`` items that someone has made invalid."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_projections.built import mark_built, withdraw
from dynamodbstore_projections.config import PROJECTOR, ConfigSource, InvalidConfig
from dynamodbstore_projections.heartbeat import Arrived, read_heartbeats
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.config.reconcile import reconcile
from mlflow_dynamodbstore.settings import Settings
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.config.items import (
    BUILT,
    DENORMALIZE_TAGS,
    FTS_TRIGRAM_FIELDS,
    TTL_POLICY,
    config_items,
    item,
    write_as_in_the_console,
    write_item,
)
from tests.e2e.mlflow_server import MlflowServer
from tests.tracking.stores import refused

INVALID = [
    (DENORMALIZE_TAGS, {"patterns": "team"}, "'patterns' is 'team', not a list of text"),
    (DENORMALIZE_TAGS, {"patterns": {"team": True}}, "not a list of text"),
    (DENORMALIZE_TAGS, {"patterns": ["team", 7]}, "and 7 is not text"),
    (DENORMALIZE_TAGS, {"patterns": ["te[am"]}, "'te[am' is malformed: no ] closes its ["),
    (DENORMALIZE_TAGS, {"patterns": ["team,env"]}, "several patterns in one"),
    (DENORMALIZE_TAGS, {"patterns": [""]}, "'' is empty"),
    (DENORMALIZE_TAGS, {}, "'patterns' is None"),
    (DENORMALIZE_TAGS, {"patterns": [], "pattern": ["team"]}, "'pattern' is ['team'], no field"),
    (f"{DENORMALIZE_TAGS}#7", {"patterns": None}, "'patterns' is None"),
    (TTL_POLICY, {"trace_retention_days": "30"}, "'trace_retention_days' is '30', not a non-neg"),
    (TTL_POLICY, {"trace_retention_days": -1}, "'trace_retention_days' is -1, not"),
    (TTL_POLICY, {"soft_deleted_retention_days": True}, "is True, not a non-negative whole"),
    (TTL_POLICY, {"metric_history_retention_days": None}, "is None, not a non-negative whole"),
    (TTL_POLICY, {"metric_history_retention_days": 10**12}, "not a non-negative whole number"),
    (TTL_POLICY, {"trace_retention_day": 30}, "'trace_retention_day' is 30, no field of it"),
    (FTS_TRIGRAM_FIELDS, {"fields": ["colour"]}, "and 'colour' is unknown"),
    (FTS_TRIGRAM_FIELDS, {"fields": ["name"]}, "names always have"),
    (FTS_TRIGRAM_FIELDS, {"fields": [["description"]]}, "is unknown"),
    (FTS_TRIGRAM_FIELDS, {"fields": "description"}, "not a list of text"),
    (BUILT, {"marks": "summary"}, "'marks' is 'summary', not a list of text"),
    (BUILT, {"marks": [], "building": ["fts:name"]}, "not a map"),
]


@pytest.mark.parametrize(
    ("sk", "fields", "fault"), INVALID, ids=[f"{n}-{one[0]}" for n, one in enumerate(INVALID)]
)
def test_an_invalid_item_stops_the_start_and_nothing_is_written(
    sk: str, fields: dict[str, Any], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SqliteTable(tmp_path / "store.ddb")
    table.create()
    write_item(table, sk, **fields)
    before = config_items(table)
    monkeypatch.setenv("MLFLOW_DYNAMODB_DENORMALIZE_TAGS", "env")

    with refused("INVALID_STATE") as refusal:
        build_tracking_store(f"dynamodb:///{tmp_path}/store.ddb", str(tmp_path))

    assert f"CONFIG/{sk} is wrong" in refusal.value.message
    assert fault in refusal.value.message
    assert config_items(table) == before
    table.close()


def test_a_number_with_a_fraction_is_invalid(
    dynoxide_table: DynamoDBTable,
) -> None:
    write_as_in_the_console(dynoxide_table, TTL_POLICY, trace_retention_days={"N": "30.5"})

    with pytest.raises(InvalidConfig, match=r"'trace_retention_days' is 30\.5, not a non-neg"):
        reconcile(dynoxide_table, Settings())


@pytest.mark.e2e
def test_a_server_does_not_start_and_logs_the_reason(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.ddb")
    table.create()
    write_item(table, TTL_POLICY, trace_retention_days="soon")
    table.close()
    server = MlflowServer(f"dynamodb:///{tmp_path}/store.ddb", tmp_path)

    with pytest.raises(RuntimeError, match="did not start"):
        server.start()

    assert "CONFIG/TTL_POLICY is wrong: 'trace_retention_days' is 'soon'" in server.log


class TestWhileServersRun:
    """What a running process does when an item becomes invalid."""

    def test_current_returns_the_configuration_of_before_and_warns_once(
        self, table: Table, clock: list[float], caplog: pytest.LogCaptureFixture
    ) -> None:
        write_item(table, TTL_POLICY, trace_retention_days=7)
        source = ConfigSource(table, clock=lambda: clock[0])
        source.current()
        write_item(table, TTL_POLICY, trace_retention_days="soon")

        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                clock[0] += 31
                assert source.current().ttl.trace_retention_days == 7

        assert len(caplog.records) == 1
        assert "CONFIG/TTL_POLICY is wrong" in caplog.text

    def test_current_has_only_the_marks_of_now(self, table: Table, clock: list[float]) -> None:
        mark_built(table, ["tags"], ["tags:mlflow.*"])
        source = ConfigSource(table, clock=lambda: clock[0])
        assert source.current().built == {"tags:mlflow.*"}
        write_item(table, TTL_POLICY, trace_retention_days="soon")

        withdraw(table, ["tags:mlflow.*"])
        clock[0] += 31

        assert source.current().built == frozenset()

    def test_current_returns_the_item_when_it_is_valid_again(
        self, table: Table, clock: list[float]
    ) -> None:
        source = ConfigSource(table, clock=lambda: clock[0])
        source.current()
        write_item(table, TTL_POLICY, trace_retention_days="soon")
        clock[0] += 31
        source.current()
        write_item(table, TTL_POLICY, trace_retention_days=3)
        clock[0] += 31

        assert source.current().ttl.trace_retention_days == 3

    def test_current_raises_where_no_valid_configuration_was_read(self, table: Table) -> None:
        write_item(table, TTL_POLICY, trace_retention_days="soon")

        with pytest.raises(InvalidConfig):
            ConfigSource(table).current()


@pytest.mark.parametrize(
    "fields",
    [{}, {"at": "now"}, {"projections": ["fts"], "stream": 1}, {"projections": {"fts": "1"}}],
    ids=["missing", "text", "other types", "version as text"],
)
def test_a_malformed_heartbeat_counts_as_missing(table: Table, fields: dict[str, Any]) -> None:
    write_item(table, f"{PROJECTOR}search", **fields)

    assert read_heartbeats(table, ["search"]).arrived == {"search": Arrived()}


def test_mending_the_item_lets_the_server_start(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.ddb")
    table.create()
    write_item(table, TTL_POLICY, trace_retention_days="soon")
    with pytest.raises(MlflowException):
        build_tracking_store(f"dynamodb:///{tmp_path}/store.ddb", str(tmp_path))

    write_item(table, TTL_POLICY, trace_retention_days=3)
    build_tracking_store(f"dynamodb:///{tmp_path}/store.ddb", str(tmp_path))

    found = item(table, TTL_POLICY)
    assert found is not None
    assert found["trace_retention_days"] == 3
    table.close()
