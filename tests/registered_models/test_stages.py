"""Stages of versions: what is true of our registry and of MLflow's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_table.errors import TableUnavailable
from mlflow.exceptions import MlflowException

from tests.registered_models.faults import failing_after
from tests.registered_models.stores import add_versions, embedded_registry, latest, stages
from tests.tracking.stores import refused


def test_a_transition_changes_the_version_and_the_model(either: Any, name: str) -> None:
    either.create_registered_model(name)
    before = add_versions(either, name, 2)[0]
    either.set_registered_model_alias(name, "champion", 1)

    moved = either.transition_model_version_stage(name, "1", "pRoDuction", False)

    assert (moved.current_stage, moved.aliases) == ("Production", ["champion"])
    assert moved.last_updated_timestamp > before.last_updated_timestamp
    assert dict(moved) == dict(either.get_model_version(name, 1))
    model = either.get_registered_model(name)
    assert model.last_updated_timestamp == moved.last_updated_timestamp
    assert latest(either, name) == {"Production": 1, "None": 2}


def test_archiving_empties_the_target_stage_and_no_other(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 7)
    for number, stage in ((1, "Staging"), (2, "Production"), (3, "Staging"), (5, "Staging")):
        either.transition_model_version_stage(name, number, stage, False)
    untouched = either.get_model_version(name, 2).last_updated_timestamp

    moved = either.transition_model_version_stage(name, 4, "Staging", True)

    assert stages(either, name, range(1, 8)) == dict(
        enumerate(["Archived", "Production", "Archived", "Staging", "Archived", "None", "None"], 1)
    )
    assert latest(either, name) == {"Archived": 5, "Production": 2, "Staging": 4, "None": 7}
    archived = either.get_model_version(name, 3)
    assert archived.last_updated_timestamp == moved.last_updated_timestamp
    assert either.get_model_version(name, 2).last_updated_timestamp == untouched


def test_a_version_stays_in_its_stage_while_the_others_leave(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 3)
    for number in (1, 2, 3):
        either.transition_model_version_stage(name, number, "Production", False)

    either.transition_model_version_stage(name, 2, "Production", True)

    assert stages(either, name, (1, 2, 3)) == {1: "Archived", 2: "Production", 3: "Archived"}
    assert latest(either, name) == {"Production": 2, "Archived": 3}


def test_a_version_comes_back_from_the_archive(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 3)
    for number in (1, 2, 3):
        either.transition_model_version_stage(name, number, "Archived", False)

    either.transition_model_version_stage(name, 3, "None", False)

    assert latest(either, name) == {"Archived": 2, "None": 3}


@pytest.mark.parametrize("stage", ["None", "Archived"])
def test_archiving_others_needs_an_active_stage(either: Any, name: str, stage: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 1)

    with pytest.raises(MlflowException, match="not an Active stage") as refusal:
        either.transition_model_version_stage(name, 1, stage, True)

    assert refusal.value.error_code == "INTERNAL_ERROR"


@pytest.mark.parametrize("stage", ["", "live", "Deleted_Internal"])
def test_other_stages_are_refused(either: Any, name: str, stage: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        either.transition_model_version_stage(name, 1, stage, False)


def test_archiving_does_nothing_for_a_version_that_is_not_there(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 1)
    either.transition_model_version_stage(name, 1, "Staging", False)

    with refused("RESOURCE_DOES_NOT_EXIST"):
        either.transition_model_version_stage(name, 2, "Staging", True)

    assert stages(either, name, [1]) == {1: "Staging"}


def test_any_number_of_versions_leaves_a_stage(tmp_path: Path) -> None:
    with embedded_registry(tmp_path) as registry:
        registry.create_registered_model("m")
        add_versions(registry, "m", 231)
        for number in range(1, 231):
            registry.transition_model_version_stage("m", number, "Production", False)

        # when the table goes away before the last of the writes that it takes
        with (
            failing_after(registry._table, 2, TableUnavailable("gone")),
            refused("TEMPORARILY_UNAVAILABLE"),
        ):
            registry.transition_model_version_stage("m", 231, "Production", True)

        # then the latest version of the stage is the one that it was
        assert latest(registry, "m") == {"Production": 230, "Archived": 196, "None": 231}
        assert stages(registry, "m", (196, 197)) == {196: "Archived", 197: "Production"}

        # and the same call does the rest
        registry.transition_model_version_stage("m", 231, "Production", True)
        assert latest(registry, "m") == {"Production": 231, "Archived": 230}
        assert set(stages(registry, "m", range(1, 231)).values()) == {"Archived"}
