"""Who keeps the projections: what the variable, the location and the heartbeats come to."""

from __future__ import annotations

import time
from pathlib import Path

import click
import mlflow.cli
import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import CONFIG, META
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.heartbeat import FRESH_MS, heartbeat
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableUnavailable
from dynamodbstore_table.port import Put, Table
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow_dynamodbstore import opening, projection_mode, table_access
from mlflow_dynamodbstore.location import RegionLocation
from mlflow_dynamodbstore.opening import open_configured
from mlflow_dynamodbstore.projection_mode import AutoObserver, mode_of, observer_for
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

from tests.config.items import TTL_POLICY, write_item
from tests.logs.conftest import Events, events
from tests.projections.entities import everything
from tests.projections.heartbeats import arrive
from tests.projections.interposed import InterposedTable
from tests.projections.replays import run_named, store_on
from tests.tracking.stores import new_run, refused

VARIABLE = "MLFLOW_DYNAMODB_PROJECTIONS"
WORKER = "_MLFLOW_SERVER_FILE_STORE"
REGION = RegionLocation("eu-central-1", "mlflow")

__all__ = ["events"]


def in_a_region(table: Table, monkeypatch: pytest.MonkeyPatch) -> AutoObserver:
    """The observer of a table in a region, which looks at the heartbeats every time."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(projection_mode, "_CHECK_SECONDS", -1.0)
    observer = observer_for(REGION)
    assert isinstance(observer, AutoObserver)
    return observer


class TestAutoInARegion:
    def test_auto_reads_the_heartbeats_once_a_minute(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(VARIABLE, raising=False)
        observer, meter, now = observer_for(REGION), Meter(), [1000.0]
        assert isinstance(observer, AutoObserver)
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        table = CountingTable(sqlite_table, meter)

        def requests() -> int:
            observer.kept(table)
            return sum(meter.take().requests.values())

        first = requests()
        assert first > 0
        now[0] += 59
        assert requests() == 0
        now[0] += 2
        assert requests() == first

    def test_auto_is_stream_while_the_heartbeats_are_fresh(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch, events: Events
    ) -> None:
        observer = in_a_region(sqlite_table, monkeypatch)
        arrive(sqlite_table)

        observer(sqlite_table, [])

        assert mode_of(observer, sqlite_table) == "stream"
        assert events("stream_functions_missing") == []

    @pytest.mark.parametrize("age_ms", [None, FRESH_MS + 60_000], ids=["never", "stale"])
    def test_auto_is_inline_without_heartbeats_and_logs_that_once(
        self,
        sqlite_table: SqliteTable,
        monkeypatch: pytest.MonkeyPatch,
        events: Events,
        age_ms: int | None,
    ) -> None:
        observer = in_a_region(sqlite_table, monkeypatch)
        if age_ms is not None:
            arrive(sqlite_table, age_ms=age_ms)

        for _ in range(3):
            observer(sqlite_table, [])

        assert mode_of(observer, sqlite_table) == "inline"
        assert len(events("stream_functions_missing")) == 1

    def test_auto_keeps_what_functions_of_an_older_version_do_not_name(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch, events: Events
    ) -> None:
        # Given: functions that know nothing of summaries
        observer = in_a_region(sqlite_table, monkeypatch)
        arrive(sqlite_table, without=("summary",))
        assert mode_of(observer, sqlite_table) == "mixed"
        store = store_on(sqlite_table)
        run_id = run_named(store, "lion", ended=True)

        # When
        observer(sqlite_table, [ChangeEvent(f"RUN#{run_id}", "META")])

        # Then: this process has written the summary, and neither postings nor tags
        assert sqlite_table.get((f"SUMMARY#{run_id}", "SUMMARY")) is not None
        assert not [pk for pk, _ in everything(sqlite_table, "FTS")]
        (logged,) = events("stream_functions_missing")
        assert logged["projections"] == ["summary"]

    def test_auto_keeps_all_where_a_heartbeat_names_no_projection(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What functions wrote before they named any, by the schedule alone.
        at = int(time.time() * 1000)
        for name in ("search", "lifecycle"):
            sqlite_table.write(Put({"PK": CONFIG, "SK": f"PROJECTOR#{name}", "at": at}))

        assert mode_of(in_a_region(sqlite_table, monkeypatch), sqlite_table) == "inline"

    def test_auto_is_inline_while_heartbeats_reach_no_function(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrive(sqlite_table, age_ms=FRESH_MS + 60_000)
        sqlite_table.write(heartbeat(int(time.time() * 1000)))

        assert mode_of(in_a_region(sqlite_table, monkeypatch), sqlite_table) == "inline"

    def test_auto_logs_again_when_functions_stop(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch, events: Events
    ) -> None:
        observer = in_a_region(sqlite_table, monkeypatch)
        observer(sqlite_table, [])
        arrive(sqlite_table)
        observer(sqlite_table, [])

        arrive(sqlite_table, age_ms=FRESH_MS + 60_000)
        observer(sqlite_table, [])

        assert len(events("stream_functions_missing")) == 2

    def test_observer_stays_inline_when_the_heartbeats_can_not_be_read(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch, events: Events
    ) -> None:
        # Given a write that is done, and a network that has broken since
        observer = in_a_region(sqlite_table, monkeypatch)

        def unreachable(*_: object, **__: object) -> None:
            raise TableUnavailable("no network")

        monkeypatch.setattr(sqlite_table, "batch_get", unreachable)
        beside_others = InterposedTable(sqlite_table, lambda _: None)
        observer.use_config(beside_others, Config)

        observer(beside_others, [ChangeEvent("RUN#r1", META)])

        # Then it is not reported as failed, but as not projected.
        assert [event["entity"] for event in events("projections_behind")] == ["RUN#r1"]

    def test_auto_logs_nothing_in_a_worker(
        self, sqlite_table: SqliteTable, monkeypatch: pytest.MonkeyPatch, events: Events
    ) -> None:
        monkeypatch.setenv(WORKER, "dynamodb://eu-central-1/mlflow")

        in_a_region(sqlite_table, monkeypatch)(sqlite_table, [])

        assert events("stream_functions_missing") == []

    @pytest.mark.parametrize("starting", [True, False], ids=["server", "script"])
    def test_auto_is_logged_by_a_server_when_it_starts(
        self,
        dynoxide_endpoint: str,
        dynoxide_table: DynamoDBTable,
        monkeypatch: pytest.MonkeyPatch,
        events: Events,
        starting: bool,
    ) -> None:
        # The table of a region, but for its endpoint; somebody has started on it before.
        local = f"dynamodb://{dynoxide_endpoint}/{dynoxide_table.name}"
        open_configured(local)
        there = table_access.open_table
        at = opening.parse_location(local)
        monkeypatch.setattr(opening, "open_table", lambda _, *rest: there(at, *rest))
        command = mlflow.cli.server if starting else mlflow.cli.gc

        with click.Context(command):
            open_configured(f"dynamodb://eu-central-1/{dynoxide_table.name}")

        assert len(events("stream_functions_missing")) == int(starting)
        assert events("started")[-1]["mode"] == "inline"


def test_stream_is_not_for_a_file_where_nobody_would_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "stream")

    with refused("INVALID_PARAMETER_VALUE") as refusal:
        build_tracking_store(f"dynamodb:///{tmp_path}/store.ddb", str(tmp_path))

    assert f"{VARIABLE}='stream' is not auto or inline" in refusal.value.message
    assert list(tmp_path.iterdir()) == []


def test_projections_go_by_what_was_known_when_the_store_was_opened(
    tmp_path: Path, events: Events
) -> None:
    store = build_tracking_store(f"dynamodb:///{tmp_path}/store.ddb", str(tmp_path))
    table = SqliteTable(tmp_path / "store.ddb")
    write_item(table, TTL_POLICY, trace_retention_days="soon")

    run_id = new_run(store)

    assert table.get((f"FTSMARK#RUN#{run_id}", "name")) is not None
    table.write(Put({"PK": CONFIG, "SK": TTL_POLICY}))
    table.close()
