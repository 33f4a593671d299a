"""Points of metrics are shown for as long as the policy gave them when they were logged.

Whichever way they were logged: one by one, in batches, out of order. So all keys of a run begin at
the same moment, and the latest point of each stays.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import TTL_POLICY
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Put, Table, Update
from mlflow.entities import Metric
from mlflow_dynamodbstore.runs.metrics.metric_points import Point
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.projections.aging import DAY, Calendar
from tests.runs.test_metric_points import older_text
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


def day_of(seconds: float) -> int:
    """The end of the day, as a time in seconds."""
    return -(-int(seconds) // DAY) * DAY


WAYS = ("one by one", "by twos", "at once", "backwards", "with another")


def log_in_every_way(store: DynamoTrackingStore, run_id: str, steps: range) -> None:
    """Log the steps under a key for each way: into open chunks, by twos, as batches of history,
    each step before the one logged last, and beside another key."""
    points = {way: [Metric(way, step / 2, step, step) for step in steps] for way in WAYS}
    for point in points["one by one"]:
        store.log_metric(run_id, point)
    for n in range(0, len(steps), 2):
        store.log_batch(run_id, points["by twos"][n : n + 2], [], [])
    store.log_batch(run_id, points["at once"], [], [])
    for point in reversed(points["backwards"]):
        store.log_metric(run_id, point)
    for point in points["with another"]:
        store.log_batch(run_id, [point, Metric("another", 0.0, 0, point.step)], [], [])


def in_every_way(steps: list[int]) -> dict[str, list[int]]:
    return dict.fromkeys(WAYS, steps)


def shown(store: DynamoTrackingStore, run_id: str) -> dict[str, list[int]]:
    """The steps that each way's key has."""
    return {way: steps_of(store, run_id, way) for way in WAYS}


def steps_of(store: DynamoTrackingStore, run_id: str, key: str = "loss") -> list[int]:
    return [metric.step for metric in store.get_metric_history(run_id, key)]


def test_each_kind_of_history_item_has_its_expiry(table: Table, tmp_path: Path) -> None:
    keep_history_for(table, 365)
    store = store_on(table, tmp_path)
    run_id = new_run(store)
    earliest = day_of(time.time() + 365 * DAY)

    log_in_order(store, run_id, range(10, 10 + CHUNK))  # a sealed chunk
    log_at_once(store, run_id, range(100, 120))  # a batch
    store.log_metric(run_id, Metric("loss", 1.0, 1, 5))  # a point out of order

    found = history(store, run_id)
    assert len(found) == 3
    latest = day_of(time.time() + 365 * DAY)
    assert all(earliest <= item["ttl"] <= latest for item in found)


def test_history_is_kept_to_the_end_of_the_last_day_of_the_policy(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    keep_history_for(store._table, 7)
    run_id = new_run(store)

    log_at_once(store, run_id, range(20))

    (item,) = history(store, run_id)
    assert item["ttl"] % DAY == 0
    assert time.time() + 7 * DAY <= item["ttl"] < time.time() + 8 * DAY + 1
    calendar.days_pass((item["ttl"] - time.time() - 60) / DAY)
    assert steps_of(store, run_id) == list(range(20))
    calendar.days_pass(120 / DAY)
    assert steps_of(store, run_id) == [19]


def test_a_retention_of_no_days_keeps_history_for_ever(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    keep_history_for(store._table, 0)
    run_id = new_run(store)

    log_in_every_way(store, run_id, range(CHUNK))

    assert [item for item in history(store, run_id) if "ttl" in item] == []
    calendar.days_pass(36_500)
    assert shown(store, run_id) == in_every_way(list(range(CHUNK)))


def test_all_keys_of_a_run_begin_at_the_same_moment(
    table: Table, tmp_path: Path, calendar: Calendar
) -> None:
    # given a run that was logged to in two parts, the second into chunks that the first began
    keep_history_for(table, 365)
    store = store_on(table, tmp_path)
    run_id = new_run(store)
    log_in_every_way(store, run_id, range(20))
    calendar.days_pass(200)
    log_in_every_way(store, run_id, range(20, 20 + CHUNK))
    everything, second_part = list(range(20 + CHUNK)), list(range(20, 20 + CHUNK))

    # then both are shown to the end of their time, and nothing by halves
    calendar.days_pass(164)
    assert shown(store, run_id) == in_every_way(everything)
    calendar.days_pass(2)
    assert shown(store, run_id) == in_every_way(second_part)
    calendar.days_pass(197)
    assert shown(store, run_id) == in_every_way(second_part)

    # and of both the latest point stays
    calendar.days_pass(3)
    assert shown(store, run_id) == in_every_way(second_part[-1:])
    data = store.get_run(run_id).data
    assert {way: data.metrics[way] for way in WAYS} == dict.fromkeys(WAYS, second_part[-1] / 2)


def test_every_way_to_read_a_history_shows_the_same_points(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    keep_history_for(store._table, 365)
    run_id = new_run(store)
    for way in WAYS[:3]:
        store.log_metric(run_id, Metric(way, 0.0, 900, 900))  # the latest, logged first
    log_in_every_way(store, run_id, range(CHUNK))
    calendar.days_pass(100)
    log_in_every_way(store, run_id, range(100, 100 + CHUNK))
    calendar.days_pass(266)

    for way in WAYS:
        expected = steps_of(store, run_id, way)
        assert expected == [*range(100, 100 + CHUNK), *([900] if way in WAYS[:3] else [])]
        pages, token = [], None
        while True:
            page = store.get_metric_history(run_id, way, 7, token)
            pages += [metric.step for metric in page]
            token = page.token
            if token is None:
                break
        assert pages == expected
        sampled = store.get_metric_history_bulk_interval([run_id], way, 500, None, None)
        assert [metric.step for metric in sampled] == expected
        some = store.get_metric_history_bulk_interval([run_id], way, 500, 10, 105)
        assert [metric.step for metric in some] == list(range(100, 106))
        bulk = store.get_metric_history_bulk([run_id], way, None)
        assert [metric.step for metric in bulk] == expected
        assert store.get_max_step_for_metric(run_id, way) == expected[-1]


@pytest.mark.parametrize(("first", "then", "gone"), [(365, 7, "then"), (7, 365, "first")])
def test_a_changed_policy_counts_for_what_is_logged_from_then_on(
    sqlite_table: SqliteTable,
    tmp_path: Path,
    calendar: Calendar,
    first: int,
    then: int,
    gone: str,
) -> None:
    # given points logged before and after a change, in the same chunks
    keep_history_for(sqlite_table, first)
    store = store_on(sqlite_table, tmp_path)
    run_id = new_run(store)
    log_in_every_way(store, run_id, range(20))
    keep_history_for(sqlite_table, then)
    store = store_on(sqlite_table, tmp_path)
    log_in_every_way(store, run_id, range(20, 20 + CHUNK))

    # when the shorter of both times is over
    calendar.days_pass(9)
    sqlite_table.sweep_expired()

    # then what was logged under the longer one is there, and the latest point
    before, after = list(range(20)), list(range(20, 20 + CHUNK))
    expected = [*before, after[-1]] if gone == "then" else after
    assert shown(store, run_id) == in_every_way(expected)


def test_a_run_goes_on_where_the_beginning_of_its_history_has_expired(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    keep_history_for(store._table, 365)
    run_id = new_run(store)
    log_in_order(store, run_id, range(2 * CHUNK))

    calendar.days_pass(366)
    store._table.sweep_expired()
    log_in_order(store, run_id, range(2 * CHUNK, 4 * CHUNK))

    assert steps_of(store, run_id) == list(range(2 * CHUNK, 4 * CHUNK))
    assert store.get_run(run_id).data.metrics == {"loss": (4 * CHUNK - 1) / 2}


def test_a_repeat_on_another_day_changes_nothing(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    keep_history_for(store._table, 365)
    run_id = new_run(store)
    log_in_order(store, run_id, range(5))
    before = list(store._table.query_all(f"RUN#{run_id}"))

    calendar.days_pass(3)
    log_in_order(store, run_id, range(5))

    assert list(store._table.query_all(f"RUN#{run_id}")) == before


def test_points_that_an_older_version_logged_one_by_one_stay_until_they_are_sealed(
    store: DynamoTrackingStore, calendar: Calendar
) -> None:
    # given an open chunk whose points have no end
    keep_history_for(store._table, 365)
    run_id = new_run(store)
    log_in_order(store, run_id, range(3))
    texts = [older_text(Point(step, step, step / 2, False)) for step in range(3)]
    store._table.write(Update((f"RUN#{run_id}", "METRIC#loss"), set={"p": texts}))

    # when their time is over and another is logged
    calendar.days_pass(1000)
    store.log_metric(run_id, Metric("loss", 1.5, 3, 3))

    # then they are there, and expire with the chunk
    assert steps_of(store, run_id) == list(range(4))
    log_in_order(store, run_id, range(4, 40))
    (sealed,) = history(store, run_id)
    assert sealed["ttl"] == day_of(time.time() + 365 * DAY)
    assert steps_of(store, run_id) == list(range(40))


def test_a_point_in_order_costs_no_look_at_the_configuration(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = new_run(store)
    looks: list[Any] = []
    monkeypatch.setattr(store._config, "current", lambda: looks.append(1))

    log_in_order(store, run_id, range(5))

    assert looks == []
