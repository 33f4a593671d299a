"""Cleaning up what has expired where no stream event comes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from dynamodbstore_events.entities import Entity
from dynamodbstore_events.keys import META
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_projections.expiry.sweep import Sweeper, remove_expired
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.ttl.projection import TtlProjection
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Table
from mlflow.entities import RunStatus

from tests.conftest import new_table_name
from tests.projections.aging import RETENTION_DAYS, Calendar, full_run, keep_for, partitions
from tests.projections.interposed import InterposedTable
from tests.tracking.stores import new_run, refused, store_on

PAST_RETENTION = RETENTION_DAYS + 1


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    """An embedded table that keeps its projections itself."""
    opened = SqliteTable(tmp_path / "t.ddb", durability="process", observer=inline())
    opened.create()
    keep_for(opened, RETENTION_DAYS)
    yield opened
    opened.close()


@pytest.fixture
def served(dynoxide_endpoint: str) -> Iterator[DynamoDBTable]:
    """A table on a server that keeps its projections itself, and gets no events of expiry."""
    opened = DynamoDBTable(new_table_name(), endpoint_url=dynoxide_endpoint, observer=inline())
    opened.create()
    yield opened
    opened.close()


def inline() -> InlineObserver:
    return InlineObserver(inline_projections(), _no_failure)


def _no_failure(failed: Mapping[Entity, Exception]) -> None:
    raise AssertionError(f"projections failed: {dict(failed)}")


def remove_all(table: Table) -> None:
    assert remove_expired(table, Config, seconds=60)


def of_kind(table: Table, *kinds: str) -> list[str]:
    return [pk for pk in partitions(table) if pk.startswith(kinds)]


def test_items_of_other_projections_of_an_expired_experiment_are_removed(
    table: SqliteTable, tmp_path: Path, calendar: Calendar
) -> None:
    store = store_on(table, tmp_path)
    before = partitions(table)
    gone = store.create_experiment("gone")
    runs = [full_run(store, gone) for _ in range(3)]
    for run_id in runs:
        store.update_run_info(run_id, RunStatus.FINISHED, 2, "some name")
    assert of_kind(table, "SUMMARY#")
    assert of_kind(table, "FTS#")
    store.delete_experiment(gone)

    calendar.days_pass(PAST_RETENTION)
    remove_all(table)

    assert partitions(table) == before | {f"EXPIRED#RUN#{run_id}": 1 for run_id in runs}


def test_a_sweep_stops_in_time_and_the_next_one_goes_on(
    table: SqliteTable, tmp_path: Path, calendar: Calendar
) -> None:
    store = store_on(table, tmp_path)
    gone = store.create_experiment("gone")
    for _ in range(30):
        full_run(store, gone)
    store.delete_experiment(gone)
    calendar.days_pass(PAST_RETENTION)

    sweeps = 0
    while not remove_expired(table, Config, seconds=0.0, most_items=20):
        sweeps += 1
        assert sweeps < 1000
        # Without time nothing more is begun: the records are worked on one by one.
        remove_expired(table, Config, seconds=0.001, most_items=20)

    assert len(of_kind(table, "EXPIRED#RUN#")) == 30
    assert not of_kind(table, "RUN#", f"EXP#{gone}")


def test_a_sweep_that_finds_nothing_makes_two_requests_and_writes_nothing(
    table: SqliteTable, tmp_path: Path
) -> None:
    full_run(store_on(table, tmp_path), "0")
    counted = InterposedTable(table, lambda _: None)

    assert remove_expired(counted, Config, seconds=60)

    assert counted.requests == 2


class TestOnAServer:
    """An expired item is hidden at once, though the service removes it days later."""

    def test_remove_expired_removes_all_below_without_an_event(
        self, served: DynamoDBTable, tmp_path: Path, calendar: Calendar
    ) -> None:
        store = store_on(served, tmp_path)
        before = partitions(served)
        gone = store.create_experiment("gone")
        model_id = store.create_logged_model(gone, "net").model_id
        runs = [full_run(store, gone, model_id), full_run(store, gone)]
        alone = new_run(store)
        store.delete_run(alone)
        store.delete_experiment(gone)

        calendar.days_pass(PAST_RETENTION)
        remove_all(served)

        left = {f"EXPIRED#RUN#{run_id}": 1 for run_id in (*runs, alone)}
        assert partitions(served) == before | left | {f"EXPIRED#LM#{model_id}": 1}
        assert sorted(store._get_deleted_runs()) == sorted((*runs, alone))

    def test_remove_expired_waits_while_another_clock_may_still_see_it(
        self, served: DynamoDBTable, tmp_path: Path, calendar: Calendar
    ) -> None:
        store = store_on(served, tmp_path)
        run_id = full_run(store, "0")
        store.delete_run(run_id)

        calendar.days_pass(RETENTION_DAYS + 1 / 1440)  # a minute ago
        remove_all(served)
        kept = f"RUN#{run_id}" in partitions(served)
        calendar.days_pass(10 / 1440)
        remove_all(served)

        assert kept
        assert f"RUN#{run_id}" not in partitions(served)

    def test_a_run_that_should_not_have_expired_is_left_to_the_event_that_brings_it_back(
        self, dynoxide_table: DynamoDBTable, tmp_path: Path, calendar: Calendar
    ) -> None:
        # given a stream that stands still since the run was stamped
        store = store_on(dynoxide_table, tmp_path)
        experiment_id = store.create_experiment("back")
        run_id = full_run(store, experiment_id)
        store.delete_run(run_id)
        stamper = Projector(dynoxide_table, [TtlProjection()], Config)
        stamper.project_entities([Entity("RUN", run_id)])
        store.delete_experiment(experiment_id)
        store.restore_experiment(experiment_id)
        calendar.days_pass(PAST_RETENTION)

        remove_all(dynoxide_table)
        waited = f"RUN#{run_id}" in partitions(dynoxide_table)
        calendar.days_pass(3)
        remove_all(dynoxide_table)

        assert waited
        assert f"RUN#{run_id}" not in partitions(dynoxide_table)
        assert dynoxide_table.get((f"EXPIRED#RUN#{run_id}", META)) is not None


class TestSweeper:
    def test_sweeper_works_a_little_at_a_time_until_all_is_done(
        self, table: SqliteTable, tmp_path: Path, calendar: Calendar
    ) -> None:
        store = store_on(table, tmp_path)
        gone = store.create_experiment("gone")
        for _ in range(300):
            new_run(store, gone)
        store.delete_experiment(gone)
        calendar.days_pass(PAST_RETENTION)
        sweeper = Sweeper(table, Config, busy_pause_seconds=0.0, work_seconds=0.001)

        sweeper.now_and_then()
        first = len(of_kind(table, "RUN#"))
        for _ in range(1000):
            sweeper.now_and_then()

        assert first
        assert not of_kind(table, "RUN#")
        assert len(of_kind(table, "EXPIRED#RUN#")) == 300

    def test_sweeper_pauses_between_its_looks(self, table: SqliteTable) -> None:
        counted = InterposedTable(table, lambda _: None)
        sweeper = Sweeper(counted, Config)

        sweeper.now_and_then()
        once = counted.requests
        sweeper.now_and_then()

        assert counted.requests == once > 0

    def test_sweeper_logs_its_failures_and_raises_nothing(
        self, table: SqliteTable, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(number: int) -> None:
            raise TableError("out of order")

        with caplog.at_level(logging.WARNING):
            Sweeper(InterposedTable(table, refuse), Config).now_and_then()

        assert "out of order" in caplog.text


def test_nobody_sees_an_expired_run_before_it_is_cleaned_up(
    table: SqliteTable, tmp_path: Path, calendar: Calendar
) -> None:
    store = store_on(table, tmp_path)
    gone, experiment_id = new_run(store), store.create_experiment("gone")
    below = new_run(store, experiment_id)
    store.delete_run(gone)
    store.delete_experiment(experiment_id)

    calendar.days_pass(PAST_RETENTION)

    for run_id in (gone, below):
        with refused("RESOURCE_DOES_NOT_EXIST"):
            store.get_run(run_id)
    assert not list(store.search_runs(["0", experiment_id], "", 3))
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.get_experiment(experiment_id)
    assert store.create_experiment("gone") != experiment_id
