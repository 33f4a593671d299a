"""Registered models: what is true of our registry and of MLflow's own."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from tests.registered_models.stores import SOURCE, add_versions, latest, model_tags, version_tags
from tests.tracking.stores import refused

PROMPT = [RegisteredModelTag(IS_PROMPT_TAG_KEY, "true")]


def test_a_new_model_is_read_back(either: Any, name: str) -> None:
    created = either.create_registered_model(name, model_tags(team="red", size="1"), "the first")

    found = either.get_registered_model(name)
    assert dict(found) == dict(created)
    assert (found.name, found.description, found.workspace) == (name, "the first", "default")
    assert found.tags == {"team": "red", "size": "1"}
    assert (found.latest_versions, found.aliases) == ([], {})
    assert found.creation_timestamp == found.last_updated_timestamp


def test_create_registered_model_keeps_the_last_value_of_a_tag_key_given_twice(
    either: Any, name: str
) -> None:
    either.create_registered_model(name, [*model_tags(team="red"), *model_tags(team="blue")])

    assert either.get_registered_model(name).tags == {"team": "blue"}


@pytest.mark.parametrize("bad", [None, "", "  ", "a/b", "a:b", "a/../b"])
def test_a_name_that_no_model_can_have_is_refused(either: Any, bad: str | None) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        either.create_registered_model(bad)
    with refused("INVALID_PARAMETER_VALUE"):
        either.get_registered_model(bad)


@pytest.mark.parametrize("odd", ["#", "a%23b", "über 🦄", "n" * 700, "%~x", "RM#1"])
def test_other_names_are_kept_as_they_are(either: Any, odd: str) -> None:
    either.create_registered_model(odd)

    assert either.get_registered_model(odd).name == odd
    either.delete_registered_model(odd)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        pytest.param(None, None, "Registered Model .* already exists", id="two models"),
        pytest.param(PROMPT, PROMPT, "Prompt .* already exists", id="two prompts"),
        pytest.param(PROMPT, None, "already taken by a prompt", id="a model after a prompt"),
        pytest.param(None, PROMPT, "already taken by a registered model", id="prompt after model"),
    ],
)
def test_a_name_is_given_once(
    either: Any, name: str, first: Any, second: Any, message: str
) -> None:
    either.create_registered_model(name, first)

    with pytest.raises(MlflowException, match=message) as refusal:
        either.create_registered_model(name, second)
    assert refusal.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_a_model_that_is_not_there_is_not_found_by_anything(either: Any, name: str) -> None:
    for call in (
        lambda: either.get_registered_model(name),
        lambda: either.update_registered_model(name, "text"),
        lambda: either.rename_registered_model(name, "other"),
        lambda: either.delete_registered_model(name),
        lambda: either.get_latest_versions(name, ["no stage"]),
        lambda: either.create_model_version(name, SOURCE),
        lambda: either.set_registered_model_tag(name, RegisteredModelTag("k", "v")),
        lambda: either.delete_registered_model_tag(name, "k"),
        lambda: either.delete_registered_model_alias(name, "champion"),
        lambda: either.get_model_version_by_alias(name, "champion"),
        lambda: either.get_model_version_by_alias(name, "latest"),
    ):
        with pytest.raises(MlflowException, match=f"name={name} not found") as refusal:
            call()
        assert refusal.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("description", ["new", "", None])
def test_an_update_replaces_the_description_and_the_time(
    either: Any, name: str, description: str | None
) -> None:
    before = either.create_registered_model(name, model_tags(team="red"), "old")

    updated = either.update_registered_model(name, description)

    assert updated.description == description
    assert updated.last_updated_timestamp > before.last_updated_timestamp
    assert dict(updated) == dict(either.get_registered_model(name))
    assert updated.tags == {"team": "red"}


def test_a_model_with_another_name_keeps_all_it_had(either: Any, name: str) -> None:
    either.create_registered_model(name, model_tags(team="red"), "text")
    versions = add_versions(either, name, 3)
    either.set_registered_model_alias(name, "champion", 2)

    renamed = either.rename_registered_model(name, f"{name}!")

    assert dict(renamed) == dict(either.get_registered_model(f"{name}!"))
    assert (renamed.tags, renamed.aliases) == ({"team": "red"}, {"champion": 2})
    for before in versions:
        after = either.get_model_version(f"{name}!", before.version)
        assert after.name == f"{name}!"
        assert after.last_updated_timestamp == renamed.last_updated_timestamp
        assert after.creation_timestamp == before.creation_timestamp
    with refused("RESOURCE_DOES_NOT_EXIST"):
        either.get_model_version(name, 1)


def test_a_model_can_be_renamed_to_its_own_name(either: Any, name: str) -> None:
    before = either.create_registered_model(name)

    after = either.rename_registered_model(name, name)

    assert after.last_updated_timestamp > before.last_updated_timestamp
    assert dict(either.get_registered_model(name)) == dict(after)


def test_no_model_gets_the_name_of_another(either: Any, name: str) -> None:
    either.create_registered_model(name)
    either.create_registered_model(f"{name}!")

    with pytest.raises(MlflowException, match="already exists") as refusal:
        either.rename_registered_model(name, f"{name}!")

    assert refusal.value.error_code == "RESOURCE_ALREADY_EXISTS"
    assert either.get_registered_model(name).name == name


@pytest.mark.parametrize("bad", [None, "", "a/b"])
def test_a_new_name_is_checked_first(either: Any, name: str, bad: str | None) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        either.rename_registered_model(name, bad)


def test_a_deleted_model_leaves_nothing_to_one_of_its_name(either: Any, name: str) -> None:
    either.create_registered_model(name, model_tags(team="red"), "text")
    either.create_model_version(name, SOURCE, tags=version_tags(lang="de"))
    either.set_registered_model_alias(name, "champion", 1)

    either.delete_registered_model(name)
    again = either.create_registered_model(name)

    assert (again.tags, again.aliases, again.description) == ({}, {}, None)
    assert either.search_model_versions(f"name = '{name}'") == []
    assert either.create_model_version(name, SOURCE).version == 1
    assert either.get_model_version(name, 1).tags == {}


def test_latest_versions_are_the_highest_of_each_stage(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 6)
    for number, stage in ((1, "staging"), (2, "Staging"), (3, "PRODUCTION"), (5, "archived")):
        either.transition_model_version_stage(name, number, stage, False)
    either.set_registered_model_alias(name, "champion", 3)
    either.set_registered_model_alias(name, "best", 3)

    assert latest(either, name) == {"Staging": 2, "Production": 3, "Archived": 5, "None": 6}
    assert all(v.aliases == [] for v in either.get_registered_model(name).latest_versions)
    of_all = either.get_latest_versions(name)
    aliases = {v.version: sorted(v.aliases) for v in of_all}
    assert aliases == {2: [], 3: ["best", "champion"], 5: [], 6: []}
    assert [v.version for v in either.get_latest_versions(name, ["production"])] == [3]
    assert len(either.get_latest_versions(name, [])) == 4
    with refused("INVALID_PARAMETER_VALUE"):
        either.get_latest_versions(name, ["Deleted_Internal"])
