"""Logged models and datasets on a DynamoDB-compatible server."""

from __future__ import annotations

from pathlib import Path

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from mlflow.entities import (
    Dataset,
    DatasetInput,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
)
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import new_run, refused, store_on


@pytest.fixture
def store(dynoxide_table: DynamoDBTable, tmp_path: Path) -> DynamoTrackingStore:
    return store_on(dynoxide_table, tmp_path)


def test_a_run_and_its_model_are_read_back_whole(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    model_id = store.create_logged_model(
        "0", "net", run_id, [LoggedModelTag("a", "1")], [LoggedModelParameter("b", "x" * 500_000)]
    ).model_id
    used = DatasetInput(Dataset("iris", "d1", "s3", "s3://iris", "é" * 500_000, None))

    store.log_inputs(run_id, [used])
    store.log_outputs(run_id, [LoggedModelOutput(model_id, 7)])
    store.log_metric(run_id, Metric("loss", 0.5, 1, 7, model_id, "iris", "d1"))
    store.finalize_logged_model(model_id, LoggedModelStatus.READY)

    run, model = store.get_run(run_id), store.get_logged_model(model_id)
    assert run.inputs.dataset_inputs == [used]
    assert [(o.model_id, o.step) for o in run.outputs.model_outputs] == [(model_id, 7)]
    assert (model.status, model.tags) == (LoggedModelStatus.READY, {"a": "1"})
    assert model.params == {"b": "x" * 500_000}
    assert [(m.key, m.value, m.dataset_name) for m in model.metrics] == [("loss", 0.5, "iris")]


def test_insert_only_calls_are_all_or_nothing(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    model_id = store.create_logged_model("0", "net").model_id
    many = [LoggedModelParameter(f"k{n}", "1") for n in range(120)]
    store.log_logged_model_params(model_id, many[-1:])
    store.log_outputs(run_id, [LoggedModelOutput(model_id, 1)])

    with refused("BAD_REQUEST"):
        store.log_logged_model_params(model_id, many)
    with refused("BAD_REQUEST"):
        store.log_outputs(run_id, [LoggedModelOutput("m-2", 1), LoggedModelOutput(model_id, 1)])

    assert store.get_logged_model(model_id).params == {"k119": "1"}
    assert len(store.get_run(run_id).outputs.model_outputs) == 1


def test_models_are_searched_over_experiments_page_by_page(store: DynamoTrackingStore) -> None:
    other = store.create_experiment("other")
    for n in range(6):
        store.create_logged_model(
            ("0", other)[n % 2], f"m{n}", tags=[LoggedModelTag("third", str(n % 3))]
        )
    query = {"experiment_ids": ["0", other], "filter_string": "tags.third != '0'"}

    first = store.search_logged_models(**query, max_results=3)
    rest = store.search_logged_models(**query, max_results=3, page_token=first.token)

    assert sorted(m.name for m in [*first, *rest]) == ["m1", "m2", "m4", "m5"]
    assert (len(first), rest.token) == (3, None)


def test_garbage_is_found_and_removed(store: DynamoTrackingStore) -> None:
    gone = store.create_experiment("gone")
    lost, deleted = new_run(store, gone), new_run(store)
    model_id = store.create_logged_model("0", "net").model_id
    store.log_metric(deleted, Metric("loss", 0.5, 1, 7, model_id))
    store.delete_run(deleted)
    store.delete_experiment(gone)
    store.delete_logged_model(model_id)
    found = (sorted(store._get_deleted_runs()), store._get_deleted_logged_models())

    store._hard_delete_run(deleted)
    store._hard_delete_experiment(gone)
    metrics_left = store.get_logged_model(model_id, allow_deleted=True).metrics
    store._hard_delete_logged_model(model_id)

    assert found == (sorted([lost, deleted]), [model_id])
    assert metrics_left is None
    assert (store._get_deleted_runs(), store._get_deleted_logged_models()) == ([], [])
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.get_experiment(gone)


@pytest.mark.parametrize("with_its_experiment", [False, True], ids=["alone", "with experiment"])
def test_what_is_known_of_a_model_ends_when_the_garbage_collector_removes_it(
    store: DynamoTrackingStore, with_its_experiment: bool
) -> None:
    run_id, experiment_id = new_run(store), store.create_experiment("gone")
    model_id = store.create_logged_model(experiment_id, "net").model_id
    store.log_metric(run_id, Metric("loss", 0.5, 1, 7, model_id))

    if with_its_experiment:
        store.delete_experiment(experiment_id)
        store._hard_delete_experiment(experiment_id)
    else:
        store.delete_logged_model(model_id)
        store._hard_delete_logged_model(model_id)

    with refused("BAD_REQUEST"):
        store.log_metric(run_id, Metric("loss", 0.5, 1, 8, model_id))
