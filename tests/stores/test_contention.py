"""Writers who lose to others try again, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.port import Check, Op
from mlflow.entities import Dataset, DatasetInput, LoggedModelStatus, Metric
from mlflow_dynamodbstore.core.retry import Contention, retried
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import new_run, refused, store_on


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, in seconds, each of which moves the clock on and takes no time."""
    made: list[float] = []
    now = [1000.0]

    def sleep(seconds: float) -> None:
        made.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return made


def test_wait_grows_and_ends_after_a_minute(waits: list[float]) -> None:
    def wait_until_it_ends() -> None:
        contention = Contention("the run 'r'")
        while True:
            contention.wait()

    with pytest.raises(TransactionConflict, match="the run 'r' changes faster"):
        wait_until_it_ends()

    assert 60 <= sum(waits) < 61
    assert max(waits) <= 0.2
    assert max(waits[:3]) < 0.02


def test_retried_returns_what_an_attempt_returns_at_last(waits: list[float]) -> None:
    failures = iter([ConditionFailed({0: None})] * 4)

    def attempt() -> str:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return "done"

    assert retried("it", attempt, on=(ConditionFailed,)) == "done"
    # The first time somebody was quicker is no reason to wait.
    assert len(waits) == 3


@pytest.fixture
def stores(
    tmp_path: Path,
) -> Iterator[tuple[SqliteTable, DynamoTrackingStore, DynamoRegistryStore]]:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    yield table, store_on(table, tmp_path), DynamoRegistryStore(table)
    table.close()


def test_no_write_tries_for_ever(
    stores: tuple[SqliteTable, DynamoTrackingStore, DynamoRegistryStore],
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given writers who are always quicker than this one
    table, tracking, registry = stores
    run_id = new_run(tracking)
    experiment_id = tracking.create_experiment("zoo")
    model_id = tracking.create_logged_model("0", "net").model_id
    registry.create_registered_model("net")
    registry.create_model_version("net", "s")

    def lose(*ops: Op) -> None:
        if any(op.condition is not None or isinstance(op, Check) for op in ops):
            raise ConditionFailed({0: table.get(ops[0].key)})

    writes: dict[str, Callable[[], object]] = {
        "update_run_info": lambda: tracking.update_run_info(run_id, None, 5, "name"),
        "finalize_logged_model": lambda: tracking.finalize_logged_model(
            model_id, LoggedModelStatus.READY
        ),
        "rename_experiment": lambda: tracking.rename_experiment(experiment_id, "park"),
        "create_experiment": lambda: tracking.create_experiment("park"),
        "log_metric": lambda: tracking.log_metric(run_id, Metric("m", 1.0, 1, 1)),
        "log_inputs": lambda: tracking.log_inputs(
            run_id, [DatasetInput(Dataset("n", "d", "t", "s"), [])]
        ),
        "set_model_versions_tags": lambda: tracking.set_model_versions_tags("net", "1", model_id),
        "create_registered_model": lambda: registry.create_registered_model("new"),
        "update_registered_model": lambda: registry.update_registered_model("net", "text"),
        "create_model_version": lambda: registry.create_model_version("net", "s"),
    }
    monkeypatch.setattr(table, "write", lose)

    for name, write in writes.items():
        waits.clear()
        with refused("TEMPORARILY_UNAVAILABLE"):
            write()
        assert sum(waits) >= 60, name
