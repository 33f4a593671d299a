"""Tags of runs: set, changed, cut to MLflow's limit, deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mlflow.entities import RunTag
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused

INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
NAME = "mlflow.runName"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def run_id(store: DynamoTrackingStore) -> str:
    return new_run(store)


def tags_of(store: DynamoTrackingStore, run_id: str) -> dict[str, str]:
    tags: dict[str, str] = store.get_run(run_id).data.tags
    return {key: value for key, value in tags.items() if key != NAME}


def test_set_tag_keeps_the_last_value(store: DynamoTrackingStore, run_id: str) -> None:
    store.set_tag(run_id, RunTag("team", "red"))
    store.set_tag(run_id, RunTag("team", ""))

    assert tags_of(store, run_id) == {"team": ""}


@pytest.mark.parametrize("key", ["a/b", "a b", "a.b-c_d:e", "日本", "ä" * 250])
def test_keys_of_every_kind(store: DynamoTrackingStore, run_id: str, key: str) -> None:
    store.set_tag(run_id, RunTag(key, "1"))

    assert tags_of(store, run_id) == {key: "1"}
    store.delete_tag(run_id, key)
    assert tags_of(store, run_id) == {}


@pytest.mark.parametrize("key", ["a#b", "a%b", "", "../a", "/a", "a//b", "k" * 251, None])
def test_set_tag_refuses_an_invalid_key(store: DynamoTrackingStore, run_id: str, key: str) -> None:
    with refused(INVALID):
        store.set_tag(run_id, RunTag(key, "1"))

    assert tags_of(store, run_id) == {}


def test_a_long_value_is_cut_as_mlflow_cuts_it(store: DynamoTrackingStore, run_id: str) -> None:
    store.set_tag(run_id, RunTag("text", "ä" * 9000))

    assert tags_of(store, run_id) == {"text": "ä" * 8000}


def test_set_tag_refuses_a_long_value_where_cutting_is_off(
    store: DynamoTrackingStore, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")

    with refused(INVALID):
        store.set_tag(run_id, RunTag("text", "ä" * 8001))

    assert tags_of(store, run_id) == {}


def test_the_name_tag_renames_the_run(store: DynamoTrackingStore, run_id: str) -> None:
    store.set_tag(run_id, RunTag(NAME, "second"))

    assert store.get_run(run_id).info.run_name == "second"
    assert store.get_run(run_id).data.tags == {NAME: "second"}


def test_an_empty_name_tag_changes_nothing(store: DynamoTrackingStore, run_id: str) -> None:
    store.set_tag(run_id, RunTag(NAME, ""))

    assert store.get_run(run_id).data.tags == {NAME: "run"}


def test_delete_tag_raises_for_a_missing_tag(store: DynamoTrackingStore, run_id: str) -> None:
    with refused(MISSING) as refusal:
        store.delete_tag(run_id, "team")

    assert "No tag with name: team" in refusal.value.message


def test_tags_of_a_deleted_run_stay_as_they_are(store: DynamoTrackingStore, run_id: str) -> None:
    store.set_tag(run_id, RunTag("team", "red"))
    store.delete_run(run_id)

    with refused(INVALID):
        store.set_tag(run_id, RunTag("team", "blue"))
    with refused(INVALID):
        store.delete_tag(run_id, "team")

    assert tags_of(store, run_id) == {"team": "red"}


def test_tags_raise_for_an_unknown_run(store: DynamoTrackingStore) -> None:
    with refused(MISSING):
        store.set_tag("nowhere", RunTag("team", "red"))
    with refused(MISSING):
        store.delete_tag("nowhere", "team")
