"""Metric history is kept for its time, said when it is written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import TTL_POLICY
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Put, Table
from mlflow.entities import Metric
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.projections.aging import DAY, Calendar
from tests.tracking.stores import new_run, store_on

CHUNK = 40
"""Points in order that fill more than one open chunk."""


@pytest.fixture(params=["sqlite", "dynoxide"])
def table(request: pytest.FixtureRequest) -> Table:
    found: SqliteTable | DynamoDBTable = request.getfixturevalue(f"{request.param}_table")
    return found


@pytest.fixture
def store(sqlite_table: SqliteTable, tmp_path: Path) -> DynamoTrackingStore:
    return store_on(sqlite_table, tmp_path)


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch)


def keep_history_for(table: Table, days: int) -> None:
    table.write(Put({"PK": CONFIG, "SK": TTL_POLICY, "metric_history_retention_days": days}))


def log_in_order(store: DynamoTrackingStore, run_id: str, steps: range) -> None:
    for step in steps:
        store.log_metric(run_id, Metric("loss", step / 2, step, step))


def log_at_once(store: DynamoTrackingStore, run_id: str, steps: range) -> None:
    store.log_batch(run_id, [Metric("loss", step / 2, step, step) for step in steps], [], [])


def history(store: DynamoTrackingStore, run_id: str) -> list[Item]:
    return list(store._table.query_all(f"HIST#{run_id}"))


def steps_of(store: DynamoTrackingStore, run_id: str) -> list[int]:
    return [metric.step for metric in store.get_metric_history(run_id, "loss")]


def test_each_kind_of_history_item_says_when_it_expires(table: Table, tmp_path: Path) -> None:
    store = store_on(table, tmp_path)
    run_id = new_run(store)
    earliest = int(time.time()) + 365 * DAY

    log_in_order(store, run_id, range(10, 10 + CHUNK))  # a sealed chunk
    log_at_once(store, run_id, range(100, 120))  # a batch
    store.log_metric(run_id, Metric("loss", 1.0, 1, 5))  # a point out of order

    found = history(store, run_id)
    assert len(found) == 3
    latest = int(time.time()) + 365 * DAY
    assert all(earliest <= item["ttl"] <= latest for item in found)


def test_history_is_kept_for_as_long_as_the_policy_says(store: DynamoTrackingStore) -> None:
    keep_history_for(store._table, 7)
    run_id = new_run(store)

    log_at_once(store, run_id, range(20))

    (item,) = history(store, run_id)
    assert item["ttl"] == pytest.approx(time.time() + 7 * DAY, abs=60)


def test_a_retention_of_no_days_keeps_history_for_ever(store: DynamoTrackingStore) -> None:
    keep_history_for(store._table, 0)
    run_id = new_run(store)

    log_in_order(store, run_id, range(CHUNK))
    log_at_once(store, run_id, range(100, 120))

    assert [item for item in history(store, run_id) if "ttl" in item] == []


def test_the_latest_value_outlives_the_history(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    run_id = new_run(store)
    log_at_once(store, run_id, range(20))
    before = steps_of(store, run_id)

    calendar.days_pass(366)

    assert before == list(range(20))
    assert steps_of(store, run_id) == []
    assert store.get_run(run_id).data.metrics == {"loss": 19 / 2}


def test_a_run_goes_on_where_the_beginning_of_its_history_has_expired(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    run_id = new_run(store)
    log_in_order(store, run_id, range(2 * CHUNK))

    calendar.days_pass(366)
    store._table.sweep_expired()
    log_in_order(store, run_id, range(2 * CHUNK, 4 * CHUNK))

    found = steps_of(store, run_id)
    assert found == list(range(found[0], 4 * CHUNK))
    assert 0 < found[0] <= 2 * CHUNK
    assert store.get_run(run_id).data.metrics == {"loss": (4 * CHUNK - 1) / 2}


def test_a_point_in_order_costs_no_look_at_the_configuration(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = new_run(store)
    looks: list[Any] = []
    monkeypatch.setattr(store._config, "current", lambda: looks.append(1))

    log_in_order(store, run_id, range(5))

    assert looks == []
