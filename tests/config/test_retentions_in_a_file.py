"""What goes by itself in a file: nothing, unless somebody has chosen it.

Files of older versions are upgraded.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.keys import META, run_pk
from dynamodbstore_projections.config import ConfigSource, TtlPolicy
from dynamodbstore_projections.expiry.sweep import Sweeper, remove_expired
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.ttl.projection import TtlProjection
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put, Update
from mlflow.entities import Metric
from mlflow_dynamodbstore.config.changes import set_policy
from mlflow_dynamodbstore.config.effective import EffectiveConfig, what_goes
from mlflow_dynamodbstore.config.reconcile import UPGRADED, reconcile
from mlflow_dynamodbstore.settings import Settings
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, run_json
from tests.commands.cli import run as run_command
from tests.config.items import FILE_DAYS, TABLE_DAYS, TTL_POLICY, days, write_item
from tests.projections.aging import Calendar, experiment, run
from tests.projections.replays import drift_of
from tests.tracking.processes import together
from tests.tracking.stores import new_run

DAY = 86_400
VARIABLE = "MLFLOW_DYNAMODB_SOFT_DELETED_RETENTION_DAYS"


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"dynamodb:///{tmp_path}/store.ddb?durability=process"


@pytest.fixture
def store(uri: str, calendar: Calendar) -> Iterator[DynamoTrackingStore]:
    opened = build_tracking_store(uri)
    yield opened
    opened._table.close()


class OldFile:
    """A file with what an older version wrote: its defaults, and what it stamped by them."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        store = build_tracking_store(uri)
        table = store._table
        self.with_history = new_run(store)
        points = [Metric("loss", step / 2, step, step) for step in range(40)]
        store.log_batch(self.with_history, points, [], [])
        self.deleted = new_run(store)
        self.experiment = store.create_experiment("old")
        self.inside = new_run(store, self.experiment)
        store.delete_run(self.deleted)
        store.delete_experiment(self.experiment)
        table.close()
        self.path = table.path
        self._age(SqliteTable(table.path))

    def _age(self, table: SqliteTable) -> None:
        """What the older version would have left: stamps of both kinds, and no record of stamps."""
        write_item(table, TTL_POLICY, **TABLE_DAYS)
        projector = Projector(table, [TtlProjection()], ConfigSource(table).current)
        report = projector.project_entities([run(self.deleted), experiment(self.experiment)])
        assert not report.failed
        for item in list(table.query_all(f"HIST#{self.with_history}")):
            table.write(Put({**item, "ttl": int(time.time()) + 365 * DAY}))
        table.close()
        with closing(sqlite3.connect(table.path)) as connection, connection:
            connection.execute("DROP TABLE stamps")

    def open(self) -> DynamoTrackingStore:
        return build_tracking_store(self.uri)


@pytest.fixture
def old(uri: str, calendar: Calendar) -> OldFile:
    return OldFile(uri)


def let_days_pass(store: DynamoTrackingStore, calendar: Calendar, number: float) -> None:
    """Days pass, the file agrees, and what may go goes."""
    calendar.days_pass(number)
    store._table.confirm_clock()
    while not remove_expired(store._table, store._config.current, seconds=10):
        pass


def sweep(store: DynamoTrackingStore) -> None:
    sweeper = Sweeper(store._table, store._config.current, pause_seconds=0, work_seconds=10)
    sweeper.now_and_then()


def stamped_rows(store: DynamoTrackingStore) -> int:
    with closing(sqlite3.connect(store._table.path)) as connection:
        found = connection.execute("SELECT count(*) FROM items WHERE ttl IS NOT NULL").fetchone()
    count: int = found[0]
    return count


def changes(table: SqliteTable, **settings: Any) -> EffectiveConfig:
    return reconcile(table, Settings(**settings))


def test_nothing_goes_by_itself_in_a_new_file(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    run_id, gone = new_run(store), store.create_experiment("gone")
    inside = new_run(store, gone)
    points = [Metric("loss", step / 2, step, step) for step in range(40)]
    store.log_batch(run_id, points, [], [])
    store.delete_run(run_id)
    store.delete_experiment(gone)

    let_days_pass(store, calendar, 3650)

    assert days(store._table) == FILE_DAYS
    store.restore_run(run_id)
    store.restore_experiment(gone)
    assert store.get_run(inside).info.lifecycle_stage == "active"
    assert len(store.get_metric_history(run_id, "loss")) == 40


def test_a_file_of_an_older_version_keeps_what_that_would_have_removed(
    old: OldFile, calendar: Calendar
) -> None:
    store = old.open()
    let_days_pass(store, calendar, 400)

    store.restore_run(old.deleted)
    store.restore_experiment(old.experiment)
    assert store.get_run(old.inside).info.lifecycle_stage == "active"
    assert len(store.get_metric_history(old.with_history, "loss")) == 40
    store._table.close()


def test_a_file_of_an_older_version_may_be_upgraded_long_after_its_times(
    old: OldFile, calendar: Calendar
) -> None:
    # Given that the older version has not run since
    calendar.days_pass(400)

    # When this one opens it
    store = old.open()
    store._table.confirm_clock()

    # Then what was due is there
    store.restore_run(old.deleted)
    assert len(store.get_metric_history(old.with_history, "loss")) == 40
    store._table.close()


def test_the_old_stamps_are_taken_off_beside_other_work(old: OldFile, calendar: Calendar) -> None:
    store = old.open()
    assert stamped_rows(store) == 3
    assert store._table.ignores_stamps()

    sweep(store)

    assert stamped_rows(store) == 0
    assert not store._table.ignores_stamps()
    meta = store._table.get((run_pk(old.deleted), META))
    assert meta is not None
    assert "expires" not in meta
    let_days_pass(store, calendar, 400)
    store.restore_run(old.deleted)
    store._table.close()


@pytest.mark.parametrize("opened", [False, True], ids=["not opened yet", "opened"])
def test_verify_finds_no_drift_in_stamps_that_count_for_nothing(old: OldFile, opened: bool) -> None:
    # Given a file of an older version, before and after the first start of this one
    named = "--store-uri", old.uri
    if opened:
        old.open()._table.close()

    # Then the stamps that are still in it are no drift
    assert run_json("replay", "--verify", *named)["drift"] == 0
    assert run_command("status", *named).exit_code == DONE

    # And a replay still takes them off
    assert run_json("replay", "--dry-run", *named)["ttl"]["stale"]["count"] == 6
    run_command("replay", *named)
    assert run_json("replay", "--dry-run", *named)["ttl"]["stale"]["count"] == 0


def test_verify_finds_a_stamp_that_is_missing_while_the_old_ones_count_for_nothing(
    old: OldFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an upgraded file whose owner sets a retention
    monkeypatch.setenv(VARIABLE, "10")
    old.open()._table.close()
    table = SqliteTable(old.path)  # without projections
    assert table.ignores_stamps()

    # When the stamp of a deleted run is lost
    table.write(Update((run_pk(old.deleted), META), remove=("ttl", "expires")))

    # Then that is drift
    assert drift_of(table, "ttl").counts["ttl", "missing"] == 2
    table.close()


def test_verify_finds_a_stamp_that_should_not_be_there_once_stamps_count_again(
    old: OldFile,
) -> None:
    store = old.open()
    sweep(store)
    store._table.close()
    table = SqliteTable(old.path)  # without projections
    assert drift_of(table).total == 0

    table.write(Update((run_pk(old.deleted), META), set={"ttl": 2**40, "expires": 2**40}))

    assert drift_of(table, "ttl").counts["ttl", "stale"] == 2
    table.close()


def test_the_start_reports_the_upgrade_once(old: OldFile) -> None:
    table = SqliteTable(old.open()._table.path)  # opened once before
    assert changes(table).changes == ()
    with closing(sqlite3.connect(table.path)) as connection, connection:
        connection.execute("DROP TABLE stamps")
        connection.execute("DELETE FROM items WHERE sk = 'TTL_POLICY#CHOSEN'")
    write_item(table, TTL_POLICY, **TABLE_DAYS)

    first, second = changes(table), changes(table)

    assert UPGRADED in first.changes
    assert "TTL_POLICY: soft_deleted_retention_days = 0, before 90" in first.changes
    assert first.summary()["goes_by_itself"] == "nothing"
    assert second.changes == ()
    table.close()


@pytest.mark.parametrize("how", ["command", "variables", "by hand"])
@pytest.mark.parametrize("swept", [False, True], ids=["at once", "after the sweep"])
def test_the_same_retentions_chosen_later_stay(old: OldFile, how: str, swept: bool) -> None:
    # Given an upgraded file
    store = old.open()
    table = store._table
    if swept:
        sweep(store)

    # When its owner wants what was the default
    if how == "command":
        set_policy(table, TABLE_DAYS)
    elif how == "variables":
        changes(table, days=TABLE_DAYS)
    else:
        write_item(table, TTL_POLICY, **TABLE_DAYS)

    # Then the next starts leave it
    for _ in range(2):
        effective = changes(table)
        assert (days(table), effective.changes) == (TABLE_DAYS, ())
        assert effective.config.ttl == TtlPolicy() == ConfigSource(table).read().ttl
    table.close()


def test_a_variable_counts_over_the_upgrade(old: OldFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "90")

    store = old.open()

    assert days(store._table) == {**FILE_DAYS, "soft_deleted_retention_days": 90}
    store._table.close()


def test_a_command_upgrades_a_file_that_no_server_has_opened_yet(old: OldFile) -> None:
    table = SqliteTable(old.uri.removeprefix("dynamodb:///").partition("?")[0])
    assert ConfigSource(table).read().ttl == TtlPolicy(0, 0, 0)

    change = set_policy(table, {"trace_retention_days": 30})

    assert days(table) == {**FILE_DAYS, "trace_retention_days": 30}
    assert change.changed == ["trace_retention_days"]
    assert table.ignores_stamps()
    table.close()


def test_servers_that_start_together_upgrade_once(old: OldFile) -> None:
    def serve(number: int) -> tuple[str, ...]:
        if number == 0:
            os.environ[VARIABLE] = "7"
        return tuple(changes(build_tracking_store(old.uri)._table).changes)

    again = together(serve, 6)

    assert again == [()] * 6
    table = SqliteTable(old.uri.removeprefix("dynamodb:///").partition("?")[0])
    assert days(table) == {**FILE_DAYS, "soft_deleted_retention_days": 7}
    table.close()


def test_other_retentions_of_an_older_version_stay_with_their_stamps(
    old: OldFile, calendar: Calendar
) -> None:
    # Given an older file whose owner had chosen another time for traces
    table = SqliteTable(old.uri.removeprefix("dynamodb:///").partition("?")[0])
    write_item(table, TTL_POLICY, **{**TABLE_DAYS, "trace_retention_days": 7})
    table.close()

    # When 91 days have passed
    store = old.open()
    let_days_pass(store, calendar, 91)

    # Then what was deleted has gone
    assert store._table.get((run_pk(old.deleted), META)) is None
    assert len(store.get_metric_history(old.with_history, "loss")) == 40
    let_days_pass(store, calendar, 275)
    assert len(store.get_metric_history(old.with_history, "loss")) == 1
    store._table.close()


def test_a_retention_set_after_the_upgrade_counts_for_what_is_deleted(
    old: OldFile, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an upgraded file whose owner sets a retention
    monkeypatch.setenv(VARIABLE, "10")
    store = old.open()
    sweep(store)
    mine = new_run(store)
    store.delete_run(mine)

    # Then what was deleted before and after goes when its time is over
    let_days_pass(store, calendar, 9)
    assert store.get_run(mine).info.lifecycle_stage == "deleted"
    let_days_pass(store, calendar, 2)
    for run_id in (mine, old.deleted):
        assert store._table.get((run_pk(run_id), META)) is None
    assert len(store.get_metric_history(old.with_history, "loss")) == 40
    store._table.close()


def test_stamps_that_are_ignored_count_in_no_read_write_or_sweep(
    sqlite_table: SqliteTable,
) -> None:
    past = {"PK": "a", "SK": "1", "ttl": 5, "n": 1}
    sqlite_table.write(Put(past))
    assert sqlite_table.get(("a", "1")) is None

    sqlite_table.ignore_stamps()

    assert sqlite_table.get(("a", "1")) == past
    assert sqlite_table.query("a").items == [past]
    assert sqlite_table.partitions(["a"]) == {"a": [past]}
    assert list(sqlite_table.batch_get([("a", "1")]).values()) == [past]
    assert sqlite_table.scan().items == [past]
    assert sqlite_table.sweep_expired() == []
    sqlite_table.write(Update(("a", "1"), add={"n": 1}))
    assert sqlite_table.get(("a", "1")) == {**past, "n": 2}
    sqlite_table.heed_stamps()
    assert sqlite_table.get(("a", "1")) is None


def test_what_goes_names_each_kind_with_its_days() -> None:
    assert what_goes(TtlPolicy(0, 0, 0)) == "nothing"
    assert what_goes(TtlPolicy(0, 90, 365)) == (
        "deleted experiments and runs after 90 days, "
        "metric history but the latest values after 365 days"
    )
