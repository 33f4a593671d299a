"""Logged models: their life, and their tags, params and metrics."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from mlflow.entities import LoggedModelParameter, LoggedModelStatus, LoggedModelTag, Metric, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_MODELS
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.table.faults import Faults
from tests.tracking.stores import embedded_store, new_run, refused, store_on


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as opened:
        yield opened


def tags(**texts: str) -> list[LoggedModelTag]:
    return [LoggedModelTag(key, text) for key, text in texts.items()]


def params(**texts: str) -> list[LoggedModelParameter]:
    return [LoggedModelParameter(key, text) for key, text in texts.items()]


def new_model(store: DynamoTrackingStore) -> str:
    model_id: str = store.create_logged_model("0", "net").model_id
    return model_id


def test_a_new_model_is_pending_in_a_place_of_its_own(store: DynamoTrackingStore) -> None:
    model = store.create_logged_model("0", "net", "run", tags(a="1"), params(b="2"), "agent")

    assert model.status == LoggedModelStatus.PENDING
    root = store.get_experiment("0").artifact_location
    assert model.artifact_location == f"{root}/models/{model.model_id}/artifacts"
    assert dict(store.get_logged_model(model.model_id)) == dict(model)
    assert (model.tags, model.params) == ({"a": "1"}, {"b": "2"})
    assert (model.source_run_id, model.model_type) == ("run", "agent")


def test_a_model_without_a_name_gets_one(store: DynamoTrackingStore) -> None:
    assert store.create_logged_model("0").name


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"])
def test_a_name_that_a_model_uri_can_not_hold_is_refused(
    store: DynamoTrackingStore, name: str
) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        store.create_logged_model("0", name)


def test_more_tags_and_params_than_one_transaction_holds(store: DynamoTrackingStore) -> None:
    many = {f"k{n}": str(n) for n in range(120)}

    model = store.create_logged_model("0", "net", None, tags(**many), params(**many))

    found = store.get_logged_model(model.model_id)
    assert (found.tags, found.params) == (many, many)


def test_a_long_param_is_kept_whole(store: DynamoTrackingStore) -> None:
    text = "".join(f"{n:06d}-é" for n in range(250_000))

    model = store.create_logged_model("0", "net", params=params(prompt=text))

    assert store.get_logged_model(model.model_id).params == {"prompt": text}


def test_a_key_given_twice_or_without_a_value_creates_no_model(store: DynamoTrackingStore) -> None:
    for wrong in (tags(a="1") + tags(a="2"), [LoggedModelTag("a", None)]):
        with refused("BAD_REQUEST"):
            store.create_logged_model("0", "net", tags=wrong)

    assert store.search_logged_models(["0"]) == []


def test_no_model_in_a_deleted_or_unknown_experiment(store: DynamoTrackingStore) -> None:
    gone = store.create_experiment("gone")
    store.delete_experiment(gone)

    with refused("INVALID_PARAMETER_VALUE"):
        store.create_logged_model(gone, "net")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.create_logged_model("4711", "net")


def test_deleting_an_experiment_does_not_touch_its_models(store: DynamoTrackingStore) -> None:
    experiment_id = store.create_experiment("gone")
    model_id = store.create_logged_model(experiment_id, "net").model_id

    store.delete_experiment(experiment_id)

    assert store.get_logged_model(model_id).name == "net"
    assert [m.model_id for m in store.search_logged_models([experiment_id])] == [model_id]


def test_finalizing_sets_the_status_of_a_deleted_model_too(store: DynamoTrackingStore) -> None:
    model_id = new_model(store)
    store.delete_logged_model(model_id)

    model = store.finalize_logged_model(model_id, LoggedModelStatus.READY)

    assert model.status == LoggedModelStatus.READY
    assert store.get_logged_model(model_id, allow_deleted=True).status == LoggedModelStatus.READY
    assert store._get_deleted_logged_models() == [model_id]


def test_a_deleted_model_is_hidden_but_takes_tags_and_params(store: DynamoTrackingStore) -> None:
    model_id = new_model(store)
    store.delete_logged_model(model_id)
    store.delete_logged_model(model_id)

    store.set_logged_model_tags(model_id, tags(a="1"))
    store.log_logged_model_params(model_id, params(b="2"))

    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.get_logged_model(model_id)
    found = store.get_logged_model(model_id, allow_deleted=True)
    assert (found.tags, found.params) == ({"a": "1"}, {"b": "2"})


def test_tags_are_replaced_and_of_a_key_given_twice_the_last_counts(
    store: DynamoTrackingStore,
) -> None:
    model_id = new_model(store)
    store.set_logged_model_tags(model_id, tags(a="1", b="1"))

    store.set_logged_model_tags(model_id, tags(a="2") + tags(a="3"))

    assert store.get_logged_model(model_id).tags == {"a": "3", "b": "1"}


def test_a_tag_is_deleted_once(store: DynamoTrackingStore) -> None:
    model_id = new_model(store)
    store.set_logged_model_tags(model_id, tags(a="1", b="1"))

    store.delete_logged_model_tag(model_id, "a")

    assert store.get_logged_model(model_id).tags == {"b": "1"}
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.delete_logged_model_tag(model_id, "a")


@pytest.mark.parametrize("count", [1, 150])
def test_params_are_logged_once_all_or_none(store: DynamoTrackingStore, count: int) -> None:
    model_id = new_model(store)
    store.log_logged_model_params(model_id, params(known="1"))
    new = {f"k{n}": "2" for n in range(count)}

    with refused("BAD_REQUEST"):
        store.log_logged_model_params(model_id, params(**new, known="1"))

    assert store.get_logged_model(model_id).params == {"known": "1"}


def test_hundreds_of_params_are_logged_in_one_call(store: DynamoTrackingStore) -> None:
    model_id = new_model(store)
    many = {f"k{n}": str(n) for n in range(250)}

    store.log_logged_model_params(model_id, params(**many))

    assert store.get_logged_model(model_id).params == many


def test_every_call_says_that_a_model_is_not_there(store: DynamoTrackingStore) -> None:
    for call in (
        lambda: store.get_logged_model("m-0"),
        lambda: store.finalize_logged_model("m-0", LoggedModelStatus.READY),
        lambda: store.delete_logged_model("m-0"),
        lambda: store.set_logged_model_tags("m-0", tags(a="1")),
        lambda: store.delete_logged_model_tag("m-0", "a"),
        lambda: store.log_logged_model_params("m-0", params(a="1")),
        lambda: store.log_logged_model_params("m-0", []),
        lambda: store._hard_delete_logged_model("m-0"),
    ):
        with refused("RESOURCE_DOES_NOT_EXIST"):
            call()


def test_a_model_shows_the_metrics_that_runs_logged_for_it(store: DynamoTrackingStore) -> None:
    model_id = new_model(store)
    run_id = new_run(store)
    plain = Metric("loss", 0.5, 1, 0, model_id)
    of_dataset = Metric("loss", -0.25, 2, 3, model_id, "iris", "d1")

    store.log_metric(run_id, plain)
    store.log_batch(run_id, [of_dataset], [], [])

    found = store.get_logged_model(model_id).metrics
    assert [(m.key, m.value, m.timestamp, m.step, m.run_id) for m in found] == [
        ("loss", 0.5, 1, 0, run_id),
        ("loss", -0.25, 2, 3, run_id),
    ]
    assert [(m.dataset_name, m.dataset_digest) for m in found] == [(None, None), ("iris", "d1")]


def recorded(name: str) -> Model:
    return Model(artifact_path=name, run_id="r", utc_time_created="2026-01-01", model_uuid=name)


def test_recorded_models_add_up_in_the_runs_tag(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    store.record_logged_model(run_id, recorded("a"))
    store.record_logged_model(run_id, recorded("b"))

    history = json.loads(store.get_run(run_id).data.tags["mlflow.log-model.history"])
    assert history == [recorded("a").get_tags_dict(), recorded("b").get_tags_dict()]


def test_models_recorded_at_once_are_all_kept(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    names = [f"model{n}" for n in range(8)]
    together = threading.Barrier(len(names))

    def record(name: str) -> None:
        together.wait()
        store.record_logged_model(run_id, recorded(name))

    threads = [threading.Thread(target=record, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    history = json.loads(store.get_run(run_id).data.tags["mlflow.log-model.history"])
    assert sorted(entry["artifact_path"] for entry in history) == names


def test_record_logged_model_records_a_model_once_when_the_answer_is_lost(
    dynoxide_table: DynamoDBTable, tmp_path: Path
) -> None:
    store = store_on(dynoxide_table, tmp_path)
    run_id = new_run(store)

    Faults(dynoxide_table).lose_answers("PutItem")
    store.record_logged_model(run_id, recorded("a"))

    history = json.loads(store.get_run(run_id).data.tags["mlflow.log-model.history"])
    assert history == [recorded("a").get_tags_dict()]


@pytest.mark.parametrize("history", ["not JSON", "5", '{"a": 1}'])
def test_a_history_that_is_no_list_of_models_is_left_as_it_is(
    store: DynamoTrackingStore, history: str
) -> None:
    run_id = new_run(store)
    store.set_tag(run_id, RunTag(MLFLOW_LOGGED_MODELS, history))

    with pytest.raises(MlflowException, match="no JSON list") as refused:
        store.record_logged_model(run_id, recorded("a"))

    assert refused.value.error_code == "INTERNAL_ERROR"
    assert store.get_run(run_id).data.tags[MLFLOW_LOGGED_MODELS] == history


def test_only_a_model_can_be_recorded(store: DynamoTrackingStore) -> None:
    with pytest.raises(TypeError, match="should be mlflow"):
        store.record_logged_model(new_run(store), {"artifact_path": "a"})
