"""Model versions: what is true of our registry and of MLflow's own."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore

from tests.registered_models.stores import SOURCE, add_versions, latest, version_tags
from tests.tracking.stores import refused

CLIENT = "mlflow.tracking.client.MlflowClient"


def test_a_new_version_is_read_back(either: Any, name: str) -> None:
    either.create_registered_model(name)

    created = either.create_model_version(
        name,
        SOURCE,
        "run 1",
        [*version_tags(lang="en"), *version_tags(lang="de", size="1")],
        run_link="https://host/run",
        description="text",
        local_model_path="/tmp/unused",
    )

    found = either.get_model_version(name, "1")
    assert dict(found) == dict(created)
    assert (found.version, found.current_stage, found.status) == (1, "None", "READY")
    assert (found.source, found.run_id, found.run_link) == (SOURCE, "run 1", "https://host/run")
    assert (found.tags, found.description) == ({"lang": "de", "size": "1"}, "text")
    assert (found.aliases, found.user_id, found.model_id) == ([], None, None)
    model = either.get_registered_model(name)
    assert model.last_updated_timestamp == found.creation_timestamp


def test_numbers_are_given_once_and_in_order(either: Any, name: str) -> None:
    either.create_registered_model(name)

    assert [version.version for version in add_versions(either, name, 3)] == [1, 2, 3]
    either.delete_model_version(name, 3)
    assert either.create_model_version(name, SOURCE).version == 4


@pytest.mark.parametrize("number", [2, 0, -1, 10**12, "7"])
def test_a_version_that_is_not_there_is_not_found_by_anything(
    either: Any, name: str, number: Any
) -> None:
    either.create_registered_model(name)
    either.create_model_version(name, SOURCE)

    for model in (name, f"not {name}"):
        for call in (
            lambda: either.get_model_version(model, number),  # noqa: B023
            lambda: either.update_model_version(model, number, "text"),  # noqa: B023
            lambda: either.delete_model_version(model, number),  # noqa: B023
            lambda: either.get_model_version_download_uri(model, number),  # noqa: B023
            lambda: either.transition_model_version_stage(model, number, "Staging", False),  # noqa: B023
            lambda: either.set_model_version_tag(model, number, ModelVersionTag("k", "v")),  # noqa: B023
            lambda: either.delete_model_version_tag(model, number, "k"),  # noqa: B023
            lambda: either.set_registered_model_alias(model, "champion", number),  # noqa: B023
        ):
            with pytest.raises(MlflowException, match=r"Model Version .* not found") as refusal:
                call()
            assert refusal.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_version_that_is_no_number_is_refused(either: Any, name: str) -> None:
    for call in (
        lambda: either.get_model_version(name, "x"),
        lambda: either.update_model_version(name, "x", "text"),
        lambda: either.delete_model_version(name, "x"),
        lambda: either.transition_model_version_stage(name, "x", "Staging", False),
        lambda: either.set_model_version_tag(name, "x", ModelVersionTag("k", "v")),
        lambda: either.set_registered_model_alias(name, "champion", "x"),
    ):
        with pytest.raises(MlflowException, match="'version' must be an integer") as refusal:
            call()
        assert refusal.value.error_code == "INVALID_PARAMETER_VALUE"


def test_an_update_replaces_the_description_and_the_version_s_time(either: Any, name: str) -> None:
    either.create_registered_model(name)
    before = either.create_model_version(name, SOURCE, description="old")
    either.set_registered_model_alias(name, "champion", 1)
    model = either.get_registered_model(name)

    for description in ("new", None):
        updated = either.update_model_version(name, 1, description)
        assert (updated.description, updated.aliases) == (description, ["champion"])
        assert dict(updated) == dict(either.get_model_version(name, 1))

    assert updated.last_updated_timestamp > before.last_updated_timestamp
    after = either.get_registered_model(name)
    assert after.last_updated_timestamp == model.last_updated_timestamp


def test_a_deleted_version_is_gone_with_its_aliases(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 3)
    either.set_registered_model_alias(name, "champion", 3)
    either.set_registered_model_alias(name, "old", 1)
    before = either.get_registered_model(name)

    either.delete_model_version(name, 3)

    after = either.get_registered_model(name)
    assert after.aliases == {"old": 1}
    assert after.last_updated_timestamp > before.last_updated_timestamp
    assert latest(either, name) == {"None": 2}
    assert [v.version for v in either.search_model_versions(f"name = '{name}'")] == [2, 1]
    with refused("RESOURCE_DOES_NOT_EXIST"):
        either.delete_model_version(name, "3")


def test_the_latest_of_a_stage_is_found_again_when_it_goes(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 5)
    for number in (1, 3, 5):
        either.transition_model_version_stage(name, number, "Staging", False)

    seen = []
    for number in (5, 4, 1, 3, 2):
        either.delete_model_version(name, number)
        seen.append(latest(either, name))

    assert seen == [
        {"Staging": 3, "None": 4},
        {"Staging": 3, "None": 2},
        {"Staging": 3, "None": 2},
        {"None": 2},
        {},
    ]


def test_get_model_version_download_uri_returns_the_source(either: Any, name: str) -> None:
    either.create_registered_model(name)
    either.create_model_version(name, SOURCE)
    copy = either.create_model_version(name, f"models:/{name}/1")

    assert copy.source == f"models:/{name}/1"
    assert either.get_model_version_download_uri(name, 1) == SOURCE
    assert either.get_model_version_download_uri(name, copy.version) == SOURCE


def test_a_source_that_is_not_there_is_refused(either: Any, name: str) -> None:
    either.create_registered_model(name)

    for source in (f"models:/{name}/7", f"models:/not {name}/1", "models:/m-0"):
        with (
            mock.patch(f"{CLIENT}.__init__", side_effect=MlflowException("none")),
            pytest.raises(MlflowException, match="Unable to fetch model from model URI"),
        ):
            either.create_model_version(name, source)

    assert either.create_model_version(name, SOURCE).version == 1


def test_a_logged_model_gives_the_version_its_run_and_its_files(either: Any, name: str) -> None:
    either.create_registered_model(name)
    logged = mock.Mock(artifact_location="s3://bucket/m-1", source_run_id="run 1")
    with (
        mock.patch(f"{CLIENT}.get_logged_model", return_value=logged) as get_logged_model,
        mock.patch(f"{CLIENT}.__init__", return_value=None),
    ):
        by_source = either.create_model_version(name, "models:/m-1")
        by_id = either.create_model_version(name, SOURCE, model_id="m-1")
        with_run = either.create_model_version(name, SOURCE, "run 2", model_id="m-1")

    assert [call.args for call in get_logged_model.call_args_list] == [("m-1",), ("m-1",)]
    assert [version.run_id for version in (by_source, by_id, with_run)] == [
        *("run 1", "run 1", "run 2")
    ]
    assert by_source.source == "models:/m-1"
    assert either.get_model_version_download_uri(name, 1) == "s3://bucket/m-1"
    assert either.get_model_version_download_uri(name, 2) == SOURCE


def test_a_copy_takes_what_belongs_to_the_version(either: Any, name: str) -> None:
    either.create_registered_model(name)
    either.create_model_version(
        name, SOURCE, "run 1", version_tags(lang="de"), "https://link", "text"
    )
    either.set_registered_model_alias(name, "champion", 1)
    source = either.transition_model_version_stage(name, 1, "Staging", False)

    for number, copy_name in ((1, f"{name}!"), (2, f"{name}!"), (2, name)):
        copy = either.copy_model_version(source, copy_name)
        assert (copy.name, copy.version, copy.source) == (copy_name, number, f"models:/{name}/1")
        assert (copy.run_id, copy.run_link, copy.description) == ("run 1", "https://link", "text")
        assert (copy.tags, copy.current_stage, copy.aliases) == ({"lang": "de"}, "None", [])


def test_a_copy_of_what_is_not_there_is_refused(either: Any, name: str) -> None:
    either.create_registered_model(name)
    source = either.create_model_version(name, SOURCE)
    either.delete_model_version(name, 1)

    with pytest.raises(MlflowException, match="Failed to create model version copy"):
        either.copy_model_version(source, name)


def test_creating_does_not_wait(either: Any, name: str) -> None:
    either.create_registered_model(name)
    version = either.create_model_version(name, SOURCE)

    with mock.patch.object(AbstractStore, "_await_model_version_creation_impl") as waiting:
        either._await_model_version_creation(version, 300)

    waiting.assert_not_called()


def test_create_model_version_keeps_no_source(either: Any, name: str) -> None:
    either.create_registered_model(name)

    either.create_model_version(name, None)

    assert either.get_model_version(name, 1).source is None
