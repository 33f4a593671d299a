"""A store on a file while the machine's clock leaps: nothing is lost that anybody keeps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.entities import LifecycleStage, Metric
from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.table.clocks import DAY, HOUR, MINUTE, Clocks, clocks
from tests.tracking.stores import new_run

__all__ = ["clocks"]

POINTS = 40


@pytest.fixture
def opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clocks: Clocks
) -> Iterator[Callable[[], DynamoTrackingStore]]:
    """Opens the store once more, as another process does; things are kept for 30, 90, 365 days."""
    monkeypatch.setenv("MLFLOW_DYNAMODB_TRACE_RETENTION_DAYS", "30")
    monkeypatch.setenv("MLFLOW_DYNAMODB_SOFT_DELETED_RETENTION_DAYS", "90")
    monkeypatch.setenv("MLFLOW_DYNAMODB_METRIC_HISTORY_RETENTION_DAYS", "365")
    monkeypatch.setattr(logs, "_DOUBTED", set())
    stores: list[DynamoTrackingStore] = []

    def open_store() -> DynamoTrackingStore:
        stores.append(build_tracking_store(f"dynamodb:///{tmp_path}/mlflow.ddb", str(tmp_path)))
        return stores[-1]

    yield open_store
    for store in stores:
        store._table.close()


def logged(store: DynamoTrackingStore) -> str:
    """A run with a history, logged point by point and in a batch."""
    run_id = new_run(store)
    for step in range(POINTS):
        store.log_metric(run_id, Metric("single", float(step), 1, step))
    store.log_batch(run_id, [Metric("batch", float(s), 1, s) for s in range(POINTS)], [], [])
    return run_id


def points(store: DynamoTrackingStore, run_id: str) -> list[int]:
    return [len(store.get_metric_history(run_id, key)) for key in ("single", "batch")]


def works(store: DynamoTrackingStore, clocks: Clocks, minutes: int) -> None:
    """Something that sweeps, again and again."""
    for _ in range(minutes):
        clocks.passes(MINUTE)
        new_run(store)


@pytest.mark.parametrize("days", [100, 400, -400])
def test_a_process_whose_clock_is_off_removes_nothing(
    opened: Callable[[], DynamoTrackingStore], clocks: Clocks, days: int
) -> None:
    # Given a run with a history, a deleted run, a deleted experiment
    store = opened()
    kept, deleted = logged(store), new_run(store)
    store.delete_run(deleted)
    experiment = store.create_experiment("deleted")
    store.delete_experiment(experiment)

    # When a process writes whose clock is off
    clocks.is_set(days * DAY)
    wrong = opened()
    works(wrong, clocks, 20)
    wrong.log_metric(kept, Metric("single", 1.0, 1, POINTS))
    clocks.is_set(-days * DAY)

    # Then all is there
    right = opened()
    works(right, clocks, 3)
    assert points(right, kept) == [POINTS + 1, POINTS]
    right.restore_run(deleted)
    right.restore_experiment(experiment)
    assert right.get_run(deleted).info.lifecycle_stage == LifecycleStage.ACTIVE


@pytest.mark.parametrize("days", [400, -400])
def test_what_is_deleted_by_a_clock_that_is_off_is_kept_as_long(
    opened: Callable[[], DynamoTrackingStore], clocks: Clocks, days: int
) -> None:
    store = opened()
    run_id = new_run(store)
    clocks.is_set(days * DAY)
    opened().delete_run(run_id)
    clocks.is_set(-days * DAY)

    clocks.passes(89 * DAY)
    works(store, clocks, 3)
    store.restore_run(run_id)
    store.delete_run(run_id)
    clocks.passes(91 * DAY)
    works(store, clocks, 3)

    with pytest.raises(Exception, match="not found"):
        store.restore_run(run_id)


def test_what_is_due_goes_an_hour_after_a_laptop_slept(
    opened: Callable[[], DynamoTrackingStore], clocks: Clocks
) -> None:
    # Given a run that is deleted for 70 days
    store = opened()
    run_id = new_run(store)
    store.delete_run(run_id)
    clocks.passes(70 * DAY)

    # When the machine sleeps for a month
    clocks.is_set(30 * DAY)

    # Then the run can be restored for an hour, and is gone then
    works(store, clocks, 50)
    store.restore_run(run_id)
    store.delete_run(run_id)
    clocks.is_set(91 * DAY)
    works(store, clocks, int(HOUR / MINUTE) + 3)
    with pytest.raises(Exception, match="not found"):
        store.restore_run(run_id)


def test_one_warning_names_both_times_and_the_command(
    opened: Callable[[], DynamoTrackingStore],
    clocks: Clocks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened()
    clocks.is_set(400 * DAY)

    with caplog.at_level(logging.WARNING):
        works(opened(), clocks, 5)
        works(opened(), clocks, 5)

    (event,) = [r.event for r in caplog.records if hasattr(r, "event")]
    assert event["event"] == "clock_doubted"
    assert event["machine"] > event["file_time"]
    assert "clock confirm --store-uri dynamodb:///" in event["do"]
