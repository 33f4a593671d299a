"""A changed ``CONFIG`` item counts within a minute, in every process, without a restart."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.keys import META, run_pk
from dynamodbstore_lambdas import runtime
from dynamodbstore_projections.built import announce, mark_built, withdraw
from dynamodbstore_projections.config import REMEMBERED_SECONDS, ConfigSource
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.port import Table
from mlflow.entities import Metric, RunTag
from mlflow_dynamodbstore.config.changes import pattern_list, set_list, set_policy
from mlflow_dynamodbstore.location import parse_location
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore
from mlflow_dynamodbstore.table_access import open_table

from tests.config.items import DENORMALIZE_TAGS, FTS_TRIGRAM_FIELDS, write_item
from tests.tracking.stores import new_run

DAY = 86_400
A_MINUTE = 60.0


class Clock:
    """The monotonic clock of this process, moved on at will."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + self._ahead)

    def passes(self, seconds: float) -> None:
        self._ahead += seconds


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets half a minute and a little more pass."""
    clock = Clock(monkeypatch)
    return lambda: clock.passes(REMEMBERED_SECONDS + 1)


@pytest.fixture
def store(uri: str, tmp_path: Path) -> DynamoTrackingStore:
    """A server that has been at work for a while, so that it remembers the configuration."""
    store = build_tracking_store(uri, str(tmp_path))
    log_history(store, new_run(store))
    return store


@pytest.fixture
def operator(uri: str, store: DynamoTrackingStore) -> Iterator[Table]:
    """The table as an operator's command opens it."""
    table = open_table(parse_location(uri))
    yield table
    table.close()


def log_history(store: DynamoTrackingStore, run_id: str) -> None:
    """Enough points for some of them to be history."""
    store.log_batch(run_id, [Metric("loss", 1.0, step, step) for step in range(50)], [], [])


def history_days(table: Table, run_id: str) -> set[int | None]:
    """For how many days the run's history is kept."""
    now = time.time()
    return {
        int((item["ttl"] - now + 60) / DAY) if "ttl" in item else None
        for item in table.query_all(f"HIST#{run_id}")
    }


def test_the_clock_is_the_only_thing_that_is_waited_for(
    store: DynamoTrackingStore, operator: Table, minute: Callable[[], None]
) -> None:
    set_policy(operator, {"metric_history_retention_days": 365})
    minute()
    log_history(store, new_run(store))
    set_policy(operator, {"metric_history_retention_days": 7})
    before = new_run(store)
    log_history(store, before)
    minute()
    after = new_run(store)
    log_history(store, after)

    assert history_days(operator, before) == {365}
    assert history_days(operator, after) == {7}


def test_history_is_kept_for_ever_from_then_on(
    store: DynamoTrackingStore, operator: Table, minute: Callable[[], None]
) -> None:
    set_policy(operator, {"metric_history_retention_days": 0})
    minute()
    run_id = new_run(store)
    log_history(store, run_id)

    assert history_days(operator, run_id) == {None}


def test_a_deleted_run_gets_the_new_time(
    store: DynamoTrackingStore, operator: Table, minute: Callable[[], None]
) -> None:
    run_id = new_run(store)
    set_policy(operator, {"soft_deleted_retention_days": 3})
    minute()
    store.delete_run(run_id)

    meta = operator.get((run_pk(run_id), META))
    assert meta is not None
    assert round((meta["ttl"] - time.time()) / DAY) == 3


def test_a_tag_is_copied_by_a_new_pattern_of_all_and_of_an_experiment(
    store: DynamoTrackingStore, operator: Table, minute: Callable[[], None]
) -> None:
    set_list(operator, pattern_list(None), ["team"])
    set_list(operator, pattern_list("0"), ["stage"])
    minute()
    run = store.create_run("0", "ada", 1, [RunTag("team", "red"), RunTag("stage", "x")], "n")

    meta = operator.get((run_pk(run.info.run_id), META))
    assert meta is not None
    assert (meta["tag.team"], meta["tag.stage"]) == ("red", "x")


def test_a_search_uses_what_has_been_built_and_stops_when_it_is_withdrawn(
    store: DynamoTrackingStore, operator: Table, minute: Callable[[], None]
) -> None:
    source = store._config
    write_item(operator, DENORMALIZE_TAGS, patterns=["mlflow.*", "team"])
    mark_built(operator, ["tags"], ["tags:mlflow.*", "tags:team"])
    minute()
    assert "tags:team" in source.current().built

    withdraw(operator, ["tags:team"])
    minute()

    assert "tags:team" not in source.current().built


def test_descriptions_get_postings_by_a_new_field_or_an_announced_one(
    store: DynamoTrackingStore, operator: Table, minute: Callable[[], None]
) -> None:
    def postings(name: str) -> int:
        run = store.create_run("0", "ada", 1, [RunTag("mlflow.note.content", name)], "n")
        marks = operator.query_all(f"FTSMARK#RUN#{run.info.run_id}")
        return len([mark for mark in marks if mark["SK"] == "description"])

    assert postings("lion") == 0
    announce(operator, ["fts:description"], 1)
    minute()
    assert postings("tiger") == 1

    withdraw(operator, ["fts:description"])
    minute()
    assert postings("zebra") == 0

    write_item(operator, FTS_TRIGRAM_FIELDS, fields=["description"])
    minute()
    assert postings("okapi") == 1


def test_a_function_that_stays_warm_reads_it_again(
    dynoxide_table: DynamoDBTable,
    dynoxide_endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    minute: Callable[[], None],
) -> None:
    for name, value in {
        "TABLE_NAME": dynoxide_table.name,
        "QUEUE_URL": "https://queue",
        "AWS_ENDPOINT_URL": dynoxide_endpoint,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS": "description",
    }.items():
        monkeypatch.setenv(name, value)
    runtime.forget()
    try:
        source = runtime.config_source()
        assert source.current().ttl.soft_deleted_retention_days == 90
        assert source.current().fts_fields == ("description",)

        set_policy(dynoxide_table, {"soft_deleted_retention_days": 5})
        set_list(dynoxide_table, pattern_list(None), ["team"])
        assert source.current().ttl.soft_deleted_retention_days == 90
        minute()

        assert source.current().ttl.soft_deleted_retention_days == 5
        assert source.current().patterns == ("mlflow.*", "team")
    finally:
        runtime.forget()


def test_the_configuration_is_read_once_in_half_a_minute(
    operator: Table, clock: list[float]
) -> None:
    source = ConfigSource(operator, clock=lambda: clock[0])
    source.current()
    set_policy(operator, {"trace_retention_days": 1})

    clock[0] += REMEMBERED_SECONDS - 1
    assert source.current().ttl.trace_retention_days == (30 if operator.remote else 0)
    clock[0] += 2
    assert source.current().ttl.trace_retention_days == 1


def _serve(uri: str, folder: str, ready: Any, done: Any) -> None:
    """A server in a process of its own: it logs until its history is kept for the new time."""
    store = build_tracking_store(uri, folder)
    log_history(store, new_run(store))
    ready.set()
    deadline = time.monotonic() + A_MINUTE
    while time.monotonic() < deadline:
        run_id = new_run(store)
        log_history(store, run_id)
        if history_days(store._table, run_id) == {7}:
            done.set()
            return
        time.sleep(0.5)


@pytest.mark.e2e
@pytest.mark.parametrize("uri", ["dynoxide"], indirect=True)
def test_another_process_that_runs_on_really_does_so_within_a_minute(
    uri: str, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    server = context.Process(target=_serve, args=(uri, str(tmp_path), ready, done), daemon=True)
    server.start()
    try:
        assert ready.wait(60)
        table = open_table(parse_location(uri))
        set_policy(table, {"metric_history_retention_days": 7})
        table.close()

        assert done.wait(A_MINUTE)
    finally:
        server.kill()
        server.join(10)
