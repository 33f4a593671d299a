"""Experiments: their names, places, stages and tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import ExperimentTag, LifecycleStage, Metric, RunTag, ViewType
from mlflow_dynamodbstore.experiments.experiment_items import new_experiment_id
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused

EXISTS, MISSING, BAD = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST"
INVALID, STATE = "INVALID_PARAMETER_VALUE", "INVALID_STATE"


def id_of(store: DynamoTrackingStore, name: str) -> str | None:
    """The id of the experiment that has the name."""
    found = store.get_experiment_by_name(name)
    return None if found is None else str(found.experiment_id)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as store:
        yield store


class TestCreate:
    def test_a_new_experiment_can_be_read_by_id_and_by_name(
        self, store: DynamoTrackingStore
    ) -> None:
        created = store.create_experiment("trees", tags=[ExperimentTag("team", "red")])

        experiment = store.get_experiment(created)

        assert (experiment.name, experiment.tags) == ("trees", {"team": "red"})
        assert experiment.lifecycle_stage == LifecycleStage.ACTIVE
        assert experiment.creation_time == experiment.last_update_time
        assert id_of(store, "trees") == created

    def test_ids_are_digits_and_grow_with_time(self, store: DynamoTrackingStore) -> None:
        assert store.create_experiment("trees").isdigit()
        assert int(new_experiment_id(1_700_000_000_000)) < int(new_experiment_id(1_700_000_000_001))

    @pytest.mark.parametrize("name", ["#", "a#b", "%23", "😀", "ä" * 500, "line\nbreak", "~%~"])
    def test_create_experiment_keeps_any_name(self, store: DynamoTrackingStore, name: str) -> None:
        created = store.create_experiment(name)

        assert id_of(store, name) == created
        assert store.get_experiment(created).name == name

    @pytest.mark.parametrize("name", ["", None, 7, "x" * 501])
    def test_create_experiment_refuses_an_invalid_name(
        self, store: DynamoTrackingStore, name: str
    ) -> None:
        with refused(INVALID):
            store.create_experiment(name)

        assert len(store.search_experiments(view_type=ViewType.ALL)) == 1

    def test_a_name_that_is_taken_is_refused(self, store: DynamoTrackingStore) -> None:
        store.create_experiment("trees")

        with refused(EXISTS) as refusal:
            store.create_experiment("trees")

        assert "Experiment(name=trees) already exists" in refusal.value.message

    def test_a_deleted_experiment_keeps_its_name(self, store: DynamoTrackingStore) -> None:
        store.delete_experiment(store.create_experiment("trees"))

        with refused(EXISTS):
            store.create_experiment("trees")

    def test_a_name_is_free_when_its_experiment_is_gone(self, store: DynamoTrackingStore) -> None:
        gone = store.create_experiment("trees")
        store.delete_experiment(gone)
        store._hard_delete_experiment(gone)

        created = store.create_experiment("trees")

        assert id_of(store, "trees") == created

    def test_names_differ_by_case(self, store: DynamoTrackingStore) -> None:
        store.create_experiment("trees")
        store.create_experiment("Trees")

        assert id_of(store, "TREES") is None

    def test_create_experiment_keeps_more_tags_than_a_transaction_holds(
        self, store: DynamoTrackingStore
    ) -> None:
        tags = [ExperimentTag(f"t{n}", str(n)) for n in range(250)]

        created = store.create_experiment("trees", tags=tags)

        assert store.get_experiment(created).tags == {t.key: t.value for t in tags}

    def test_create_experiment_refuses_a_tag_key_given_twice(
        self, store: DynamoTrackingStore
    ) -> None:
        twice = [ExperimentTag("team", "red"), ExperimentTag("team", "blue")]

        with refused(EXISTS):
            store.create_experiment("trees", tags=twice)

        assert id_of(store, "trees") is None


class TestArtifacts:
    def test_artifacts_lie_under_the_root_without_a_location(
        self, store: DynamoTrackingStore
    ) -> None:
        created = store.create_experiment("trees")

        location = store.get_experiment(created).artifact_location

        assert location == f"{store.artifact_root_uri}/{created}"

    def test_a_location_is_kept(self, store: DynamoTrackingStore) -> None:
        created = store.create_experiment("trees", "s3://bucket/trees")

        run = store.create_run(created, "ada", 1, [], None)

        assert store.get_experiment(created).artifact_location == "s3://bucket/trees"
        assert run.info.artifact_uri == f"s3://bucket/trees/{run.info.run_id}/artifacts"

    def test_a_location_that_is_too_long_is_refused(self, store: DynamoTrackingStore) -> None:
        with refused(INVALID):
            store.create_experiment("trees", "s3://bucket/" + "x" * 2048)


class TestGet:
    @pytest.mark.parametrize("experiment_id", [None, "", "0", 0, "00"])
    def test_get_experiment_returns_the_default_one_for_nothing_or_zero(
        self, store: DynamoTrackingStore, experiment_id: str | None
    ) -> None:
        assert store.get_experiment(experiment_id).name == "Default"

    @pytest.mark.parametrize("experiment_id", ["4711", "-1", str(2**80)])
    def test_get_experiment_raises_for_an_unknown_id(
        self, store: DynamoTrackingStore, experiment_id: str
    ) -> None:
        with refused(MISSING) as refusal:
            store.get_experiment(experiment_id)

        assert experiment_id in refusal.value.message

    @pytest.mark.parametrize("experiment_id", ["trees", "1.5", "#", "0#META"])
    def test_get_experiment_raises_for_an_invalid_id(
        self, store: DynamoTrackingStore, experiment_id: str
    ) -> None:
        with refused(INVALID):
            store.get_experiment(experiment_id)

    def test_get_experiment_by_name_returns_none_without_a_name(
        self, store: DynamoTrackingStore
    ) -> None:
        assert store.get_experiment_by_name(None) is None
        assert store.get_experiment_by_name("") is None


class TestRename:
    def test_rename_experiment_takes_the_new_name_and_frees_the_old_one(
        self, store: DynamoTrackingStore
    ) -> None:
        renamed = store.create_experiment("trees")

        store.rename_experiment(renamed, "forests")

        assert id_of(store, "forests") == renamed
        assert id_of(store, "trees") is None
        assert store.create_experiment("trees") != renamed

    def test_rename_experiment_accepts_its_own_name(self, store: DynamoTrackingStore) -> None:
        renamed = store.create_experiment("trees")

        store.rename_experiment(renamed, "trees")

        assert id_of(store, "trees") == renamed

    def test_rename_experiment_refuses_a_name_that_is_taken(
        self, store: DynamoTrackingStore
    ) -> None:
        renamed, other = store.create_experiment("trees"), store.create_experiment("forests")

        with refused(BAD):
            store.rename_experiment(renamed, "forests")

        assert store.get_experiment(renamed).name == "trees"
        assert id_of(store, "forests") == other

    def test_rename_experiment_refuses_a_deleted_experiment(
        self, store: DynamoTrackingStore
    ) -> None:
        deleted = store.create_experiment("trees")
        store.delete_experiment(deleted)

        with refused(STATE):
            store.rename_experiment(deleted, "forests")


class TestDeleteAndRestore:
    def test_runs_are_deleted_and_restored_with_their_experiment(
        self, store: DynamoTrackingStore
    ) -> None:
        experiment = store.create_experiment("trees")
        runs = {new_run(store, experiment) for _ in range(3)}

        store.delete_experiment(experiment)
        deleted = store.search_runs([experiment], None, ViewType.DELETED_ONLY)
        store.restore_experiment(experiment)
        active = store.search_runs([experiment], None, ViewType.ACTIVE_ONLY)

        assert {run.info.run_id for run in deleted} == runs
        assert {run.info.run_id for run in active} == runs

    def test_restore_experiment_restores_a_run_that_was_deleted_before(
        self, store: DynamoTrackingStore
    ) -> None:
        experiment = store.create_experiment("trees")
        run_id = new_run(store, experiment)
        store.delete_run(run_id)

        store.delete_experiment(experiment)
        store.restore_experiment(experiment)

        assert store.get_run(run_id).info.lifecycle_stage == LifecycleStage.ACTIVE

    def test_a_run_restored_in_a_deleted_one_takes_data(self, store: DynamoTrackingStore) -> None:
        experiment = store.create_experiment("trees")
        run_id = new_run(store, experiment)
        store.delete_experiment(experiment)

        store.restore_run(run_id)
        store.log_metric(run_id, Metric("loss", 1.0, 1, 1))

        assert store.get_run(run_id).data.metrics == {"loss": 1.0}
        assert store.get_experiment(experiment).lifecycle_stage == LifecycleStage.DELETED

    def test_runs_of_a_deleted_experiment_refuse_data(self, store: DynamoTrackingStore) -> None:
        experiment = store.create_experiment("trees")
        run_id = new_run(store, experiment)
        store.delete_experiment(experiment)

        with refused(INVALID) as refusal:
            store.set_tag(run_id, RunTag("team", "red"))

        assert "Current state is deleted" in refusal.value.message

    def test_create_run_raises_in_a_deleted_experiment(self, store: DynamoTrackingStore) -> None:
        experiment = store.create_experiment("trees")
        store.delete_experiment(experiment)

        with refused(INVALID):
            new_run(store, experiment)

    def test_restore_experiment_raises_for_an_active_one_and_delete_experiment_for_a_deleted_one(
        self, store: DynamoTrackingStore
    ) -> None:
        experiment = store.create_experiment("trees")

        with refused(MISSING):
            store.restore_experiment(experiment)
        store.delete_experiment(experiment)
        with refused(MISSING):
            store.delete_experiment(experiment)


@pytest.mark.parametrize("nothing", [None, ""])
class TestNoExperiment:
    """Only reading takes no id for the default experiment's: a change needs one."""

    def test_delete_experiment_and_restore_experiment_raise_without_an_id(
        self, store: DynamoTrackingStore, nothing: str
    ) -> None:
        with refused(INVALID):
            store.delete_experiment(nothing)
        assert store.get_experiment("0").lifecycle_stage == LifecycleStage.ACTIVE

        store.delete_experiment("0")
        with refused(INVALID):
            store.restore_experiment(nothing)
        assert store.get_experiment("0").lifecycle_stage == LifecycleStage.DELETED

    def test_experiment_tags_raise_without_an_id(
        self, store: DynamoTrackingStore, nothing: str
    ) -> None:
        store.set_experiment_tag("0", ExperimentTag("team", "red"))

        with refused(INVALID):
            store.set_experiment_tag(nothing, ExperimentTag("team", "blue"))
        with refused(INVALID):
            store.delete_experiment_tag(nothing, "team")

        assert store.get_experiment("0").tags == {"team": "red"}


class TestTags:
    def test_set_experiment_tag_keeps_the_last_value(self, store: DynamoTrackingStore) -> None:
        store.set_experiment_tag("0", ExperimentTag("team", "red"))
        store.set_experiment_tag("0", ExperimentTag("team", "blue"))

        assert store.get_experiment("0").tags == {"team": "blue"}

    def test_set_experiment_tag_keeps_the_longest_value_whole(
        self, store: DynamoTrackingStore
    ) -> None:
        longest = "ä" * 20_000

        store.set_experiment_tag("0", ExperimentTag("team", longest))

        assert store.get_experiment("0").tags == {"team": longest}

    def test_set_experiment_tag_refuses_what_is_too_long(self, store: DynamoTrackingStore) -> None:
        with refused(INVALID):
            store.set_experiment_tag("0", ExperimentTag("team", "x" * 20_001))
        with refused(INVALID):
            store.set_experiment_tag("0", ExperimentTag("k" * 251, "red"))

        assert store.get_experiment("0").tags == {}

    def test_delete_experiment_tag_removes_the_tag(self, store: DynamoTrackingStore) -> None:
        store.set_experiment_tag("0", ExperimentTag("team", "red"))

        store.delete_experiment_tag("0", "team")

        assert store.get_experiment("0").tags == {}
        with refused(MISSING):
            store.delete_experiment_tag("0", "team")

    def test_tags_of_a_deleted_experiment_stay_as_they_are(
        self, store: DynamoTrackingStore
    ) -> None:
        store.set_experiment_tag("0", ExperimentTag("team", "red"))
        store.delete_experiment("0")

        with refused(INVALID):
            store.set_experiment_tag("0", ExperimentTag("team", "blue"))
        with refused(INVALID):
            store.delete_experiment_tag("0", "team")

        assert store.get_experiment("0").tags == {"team": "red"}
