"""Runs: how they start, change and end."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import LifecycleStage, RunStatus, RunTag, ViewType
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused

INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
ACTIVE, DELETED = LifecycleStage.ACTIVE, LifecycleStage.DELETED
NAME = "mlflow.runName"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as store:
        yield store


class TestCreate:
    def test_a_new_run_runs_from_its_start_time(self, store: DynamoTrackingStore) -> None:
        created = store.create_run("0", "ada", 123, [RunTag("team", "red")], "first")

        run = store.get_run(created.info.run_id)

        assert dict(run.info) == dict(created.info)
        assert (run.info.status, run.info.start_time, run.info.end_time) == ("RUNNING", 123, None)
        assert (run.info.user_id, run.info.lifecycle_stage) == ("ada", ACTIVE)
        assert run.data.tags == {"team": "red", NAME: "first"}

    @pytest.mark.parametrize("start_time", [0, -1, 2**62])
    def test_create_run_keeps_any_start_time(
        self, store: DynamoTrackingStore, start_time: int
    ) -> None:
        run = store.create_run("0", "ada", start_time, [], None)

        assert store.get_run(run.info.run_id).info.start_time == start_time

    @pytest.mark.parametrize("start_time", [None, 1.5, 2**63, math.nan, math.inf, "soon"])
    def test_create_run_refuses_an_invalid_start_time(
        self, store: DynamoTrackingStore, start_time: int
    ) -> None:
        with refused("INTERNAL_ERROR" if start_time is None else INVALID):
            store.create_run("0", "ada", start_time, [], None)

        assert len(store.search_runs(["0"], None, ViewType.ALL)) == 0

    def test_create_run_keeps_more_tags_than_a_transaction_holds(
        self, store: DynamoTrackingStore
    ) -> None:
        tags = [RunTag(f"t{n}", str(n)) for n in range(250)]

        run = store.create_run("0", "ada", 1, tags, "first")

        expected = {t.key: t.value for t in tags} | {NAME: "first"}
        assert store.get_run(run.info.run_id).data.tags == expected

    @pytest.mark.parametrize("key", ["a#b", "%23", "", "#", "ä" * 250, "k" * 2000])
    def test_create_run_keeps_tags_of_any_key(self, store: DynamoTrackingStore, key: str) -> None:
        run = store.create_run("0", "ada", 1, [RunTag(key, "red")], "first")

        assert store.get_run(run.info.run_id).data.tags == {key: "red", NAME: "first"}

    def test_create_run_keeps_a_tag_beyond_the_size_of_an_item(
        self, store: DynamoTrackingStore
    ) -> None:
        huge = "".join(chr(33 + n * n % 9000) for n in range(700_000))

        run = store.create_run("0", "ada", 1, [RunTag("huge", huge)], "first")

        assert store.get_run(run.info.run_id).data.tags["huge"] == huge

    @pytest.mark.parametrize(("value", "text"), [(7, "7"), (0.5, "0.5"), (True, "1")])
    def test_create_run_keeps_a_number_in_place_of_text(
        self, store: DynamoTrackingStore, value: float, text: str
    ) -> None:
        tags = [RunTag("fold", value), RunTag(NAME, value)]

        created = store.create_run("0", "ada", 1, tags, value)

        run = store.get_run(created.info.run_id)
        assert (run.info.run_name, run.data.tags) == (text, {"fold": text, NAME: text})
        assert len(store.search_runs(["0"], f"run_name = '{text}'", ViewType.ALL)) == 1

    @pytest.mark.parametrize("tag", [RunTag("k", {"a": 1}), RunTag("k", ["a"]), RunTag(None, "v")])
    def test_create_run_refuses_a_tag_that_is_no_text(
        self, store: DynamoTrackingStore, tag: RunTag
    ) -> None:
        with refused("BAD_REQUEST"):
            store.create_run("0", "ada", 1, [tag], "first")

        assert len(store.search_runs(["0"], None, ViewType.ALL)) == 0

    def test_create_run_raises_in_an_unknown_experiment(self, store: DynamoTrackingStore) -> None:
        with refused(MISSING):
            new_run(store, "4711")

    @pytest.mark.parametrize("experiment_id", ["", None])
    def test_create_run_raises_in_no_experiment(
        self, store: DynamoTrackingStore, experiment_id: str
    ) -> None:
        with refused("BAD_REQUEST"):
            new_run(store, experiment_id)

        assert len(store.search_runs(["0"], None, ViewType.ALL)) == 0


class TestName:
    def test_a_run_without_a_name_is_given_one(self, store: DynamoTrackingStore) -> None:
        run = store.create_run("0", "ada", 1, None, None)

        assert run.info.run_name
        assert run.data.tags == {NAME: run.info.run_name}

    def test_the_name_can_come_from_the_tag(self, store: DynamoTrackingStore) -> None:
        run = store.create_run("0", "ada", 1, [RunTag(NAME, "tagged")], "")

        assert store.get_run(run.info.run_id).info.run_name == "tagged"

    def test_two_different_names_are_refused(self, store: DynamoTrackingStore) -> None:
        with refused(INVALID) as refusal:
            store.create_run("0", "ada", 1, [RunTag(NAME, "tagged")], "given")

        assert "tagged" in refusal.value.message
        assert "given" in refusal.value.message

    def test_an_update_changes_the_tag_too(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)

        store.update_run_info(run_id, None, None, "second")

        run = store.get_run(run_id)
        assert (run.info.run_name, run.data.tags[NAME]) == ("second", "second")

    def test_a_number_as_a_name_is_its_digits(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)

        store.update_run_info(run_id, None, None, 5)

        run = store.get_run(run_id)
        assert (run.info.run_name, run.data.tags[NAME]) == ("5", "5")

    def test_a_name_that_takes_several_items_as_a_tag_is_kept(
        self, store: DynamoTrackingStore
    ) -> None:
        run_id = new_run(store)
        chance = random.Random(1)
        longest = "".join(chr(chance.randint(35, 120)) for _ in range(395_000))

        store.update_run_info(run_id, None, None, longest)

        run = store.get_run(run_id)
        assert run.info.run_name == run.data.tags[NAME] == longest

    def test_the_name_outlives_its_tag(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)

        store.delete_tag(run_id, NAME)

        run = store.get_run(run_id)
        assert (run.info.run_name, run.data.tags) == ("run", {})


class TestUpdate:
    def test_update_run_info_leaves_what_is_not_given(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)
        store.update_run_info(run_id, RunStatus.FINISHED, 500, "second")

        info = store.update_run_info(run_id, None, None, "")

        assert (info.status, info.end_time, info.run_name) == ("FINISHED", 500, "second")

    def test_a_run_that_goes_on_keeps_its_end_time(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)
        store.update_run_info(run_id, RunStatus.FINISHED, 500, None)

        info = store.update_run_info(run_id, RunStatus.RUNNING, None, None)

        assert (info.status, info.end_time) == ("RUNNING", 500)

    def test_update_run_info_leaves_a_deleted_run_alone(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)
        store.delete_run(run_id)

        with refused(INVALID):
            store.update_run_info(run_id, RunStatus.FINISHED, 500, None)

        assert store.get_run(run_id).info.status == "RUNNING"

    def test_update_run_info_raises_for_an_unknown_run(self, store: DynamoTrackingStore) -> None:
        with refused(MISSING) as refusal:
            store.update_run_info("nowhere", RunStatus.FINISHED, 500, None)

        assert "Run with id=nowhere not found" in refusal.value.message


class TestDeleteAndRestore:
    def test_a_deleted_run_can_be_read(self, store: DynamoTrackingStore) -> None:
        run_id = new_run(store)

        store.delete_run(run_id)

        assert store.get_run(run_id).info.lifecycle_stage == DELETED
        assert len(store.search_runs(["0"], None, ViewType.ACTIVE_ONLY)) == 0
        assert len(store.search_runs(["0"], None, ViewType.DELETED_ONLY)) == 1

    @pytest.mark.parametrize("view", [None, 0, 4, "ALL"])
    def test_search_runs_finds_no_run_in_an_unknown_view(
        self, store: DynamoTrackingStore, view: int
    ) -> None:
        new_run(store)
        store.delete_run(new_run(store))

        assert len(store.search_runs(["0"], None, view)) == 0

    def test_delete_run_and_restore_run_twice_are_the_same_as_once(
        self, store: DynamoTrackingStore
    ) -> None:
        run_id = new_run(store)

        store.delete_run(run_id)
        store.delete_run(run_id)
        store.restore_run(run_id)
        store.restore_run(run_id)

        assert store.get_run(run_id).info.lifecycle_stage == ACTIVE
        assert store._get_deleted_runs() == []

    @pytest.mark.parametrize("run_id", ["nowhere", "", "#META", "x" * 2000, None, 5])
    def test_get_run_delete_run_and_restore_run_raise_for_an_unknown_run(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        for call in (store.delete_run, store.restore_run, store.get_run):
            with refused(MISSING):
                call(run_id)
