"""What ``mlflow gc`` finds deleted, and what it leaves when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from dynamodbstore_table.port import Item, Table
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelTag,
    Metric,
    Param,
    RunTag,
)
from mlflow_dynamodbstore.garbage import garbage
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused

MINUTE = 60_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an hour later for what looks for garbage."""
    now = garbage.now_ms
    monkeypatch.setattr(garbage, "now_ms", lambda table: now(table) + 60 * MINUTE)


def everything(table: Table) -> list[Item]:
    items: list[Item] = []
    start = None
    while True:
        page = table.scan(start=start)
        items += page.items
        if page.next is None:
            return items
        start = page.next


def partitions(store: DynamoTrackingStore) -> set[str]:
    return {item["PK"] for item in everything(store._table)}


def full_run(store: DynamoTrackingStore, experiment_id: str = "0", model_id: str = "") -> str:
    """A run with something of everything, with thousands of items of history."""
    run_id = new_run(store, experiment_id)
    store.log_batch(run_id, [], [Param("lr", "0.1")], [RunTag("team", "blue")])
    store.log_batch(run_id, [Metric("loss", 1.0, 1, s) for s in range(1000)], [], [])
    store.log_batch(run_id, [Metric("loss", 2.0, 1, 2 * s) for s in range(500)], [], [])
    dataset = Dataset("iris", "d1", "s3", "s3://iris", None, None)
    store.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    if model_id:
        store.log_metric(run_id, Metric("loss", 1.0, 1, 0, model_id))
        store.log_outputs(run_id, [LoggedModelOutput(model_id, 1)])
    return run_id


def test_deleted_runs_are_found_alone_and_with_their_experiment(
    store: DynamoTrackingStore,
) -> None:
    gone = store.create_experiment("gone")
    with_experiment, both_ways = new_run(store, gone), new_run(store, gone)
    alone, restored, _active = new_run(store), new_run(store), new_run(store)
    for run_id in (alone, restored, both_ways):
        store.delete_run(run_id)
    store.restore_run(restored)

    store.delete_experiment(gone)

    assert sorted(store._get_deleted_runs()) == sorted([alone, with_experiment, both_ways])


def test_restoring_an_experiment_saves_all_of_its_runs(store: DynamoTrackingStore) -> None:
    experiment_id = store.create_experiment("back")
    store.delete_run(new_run(store, experiment_id))
    new_run(store, experiment_id)
    store.delete_experiment(experiment_id)

    store.restore_experiment(experiment_id)

    assert store._get_deleted_runs() == []


def test_a_run_restored_inside_a_deleted_experiment_is_not_found(
    store: DynamoTrackingStore,
) -> None:
    experiment_id = store.create_experiment("gone")
    run_id = new_run(store, experiment_id)
    store.delete_experiment(experiment_id)

    store.restore_run(run_id)

    assert store._get_deleted_runs() == []


def test_runs_in_every_shard_of_a_deleted_experiment_are_found(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DYNAMODB_RUN_SHARDS", "4")
    experiment_id = store.create_experiment("sharded")
    runs = [new_run(store, experiment_id) for _ in range(20)]

    store.delete_experiment(experiment_id)

    assert sorted(store._get_deleted_runs()) == sorted(runs)


@pytest.mark.usefixtures("later")
def test_only_what_was_deleted_long_enough_ago_is_found(store: DynamoTrackingStore) -> None:
    gone = store.create_experiment("gone")
    runs = [new_run(store), new_run(store, gone)]
    model_id = store.create_logged_model("0", "net").model_id
    store.delete_run(runs[0])
    store.delete_experiment(gone)
    store.delete_logged_model(model_id)

    assert sorted(store._get_deleted_runs(older_than=59 * MINUTE)) == sorted(runs)
    assert store._get_deleted_logged_models(older_than=59 * MINUTE) == [model_id]
    assert store._get_deleted_runs(older_than=61 * MINUTE) == []
    assert store._get_deleted_logged_models(older_than=61 * MINUTE) == []


def test_a_hard_deleted_run_leaves_no_item_and_no_metric_of_a_model(
    store: DynamoTrackingStore,
) -> None:
    model_id = store.create_logged_model("0", "net").model_id
    other = full_run(store, model_id=model_id)
    before = {(item["PK"], item["SK"]) for item in everything(store._table)}
    run_id = full_run(store, model_id=model_id)
    store.delete_run(run_id)

    store._hard_delete_run(run_id)

    assert {(item["PK"], item["SK"]) for item in everything(store._table)} == before
    assert [m.run_id for m in store.get_logged_model(model_id).metrics] == [other]
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.get_run(run_id)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store._hard_delete_run(run_id)


def test_a_hard_deleted_experiment_takes_all_with_it_and_frees_its_name(
    store: DynamoTrackingStore,
) -> None:
    before = partitions(store)
    gone = store.create_experiment("gone")
    store.set_experiment_tag(gone, LoggedModelTag("a", "1"))
    model_id = store.create_logged_model(gone, "net", tags=[LoggedModelTag("a", "1")]).model_id
    deleted_model = store.create_logged_model(gone, "old").model_id
    store.delete_logged_model(deleted_model)
    full_run(store, gone, model_id)
    store.delete_experiment(gone)

    store._hard_delete_experiment(gone)

    assert partitions(store) == before
    assert store.create_experiment("gone") != gone


def test_an_experiment_in_use_is_not_hard_deleted(store: DynamoTrackingStore) -> None:
    experiment_id = store.create_experiment("used")

    with refused("RESOURCE_DOES_NOT_EXIST"):
        store._hard_delete_experiment(experiment_id)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store._hard_delete_experiment("4711")
    with refused("INVALID_PARAMETER_VALUE"):
        store._hard_delete_experiment("iris")

    assert store.get_experiment(experiment_id).name == "used"


@pytest.mark.parametrize("steps_done", range(4))
def test_a_hard_deletion_that_was_interrupted_can_be_done_again(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch, steps_done: int
) -> None:
    before = partitions(store)
    gone = store.create_experiment("gone")
    full_run(store, gone, store.create_logged_model(gone, "net").model_id)
    store.delete_experiment(gone)
    bulk, calls = store._table.bulk, count()

    def interrupted(ops: object) -> object:
        if next(calls) == steps_done:
            raise KeyboardInterrupt
        return bulk(ops)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(store._table, "bulk", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store._hard_delete_experiment(gone)

    assert store.get_experiment(gone).lifecycle_stage == "deleted"
    store._hard_delete_experiment(gone)
    assert partitions(store) == before


def test_a_hard_deleted_model_leaves_no_item(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    model_id = store.create_logged_model("0", "net", tags=[LoggedModelTag("a", "1")]).model_id
    store.log_metric(run_id, Metric("loss", 1.0, 1, 0, model_id))

    store._hard_delete_logged_model(model_id)

    assert f"LM#{model_id}" not in partitions(store)
    assert store._get_deleted_logged_models() == []
    assert store.get_run(run_id).data.metrics == {"loss": 1.0}
