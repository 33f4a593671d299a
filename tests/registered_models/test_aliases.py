"""Aliases: what is true of our registry and of MLflow's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.registered_models.stores import add_versions
from tests.tracking.stores import refused


def test_an_alias_stands_for_the_version_it_was_set_to_last(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 2)
    before = either.get_registered_model(name)

    either.set_registered_model_alias(name, "champion", "1")
    either.set_registered_model_alias(name, "best-of_all", 1)
    either.set_registered_model_alias(name, "champion", 2)

    found = either.get_model_version_by_alias(name, "champion")
    assert (found.version, found.aliases) == (2, ["champion"])
    assert dict(found) == dict(either.get_model_version(name, 2))
    model = either.get_registered_model(name)
    assert model.aliases == {"champion": 2, "best-of_all": 1}
    assert model.last_updated_timestamp == before.last_updated_timestamp


def test_several_aliases_of_one_version_are_all_returned(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 1)
    for alias in ("a", "b", "Ü"):
        either.set_registered_model_alias(name, alias, 1)

    assert sorted(either.get_model_version_by_alias(name, "b").aliases) == ["a", "b", "Ü"]


def test_an_alias_that_was_taken_away_is_not_found(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 1)
    either.set_registered_model_alias(name, "champion", 1)

    either.delete_registered_model_alias(name, "champion")
    either.delete_registered_model_alias(name, "champion")

    assert either.get_model_version(name, 1).aliases == []
    with refused("INVALID_PARAMETER_VALUE"):
        either.get_model_version_by_alias(name, "champion")


@pytest.mark.parametrize("alias", ["latest", "LATEST"])
def test_latest_is_the_highest_number_of_any_stage(either: Any, name: str, alias: str) -> None:
    either.create_registered_model(name)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        either.get_model_version_by_alias(name, alias)
    add_versions(either, name, 4)
    either.delete_model_version(name, 4)
    either.transition_model_version_stage(name, 3, "Archived", False)

    assert either.get_model_version_by_alias(name, alias).version == 3


@pytest.mark.parametrize("alias", ["", "a b", "a/b", "x" * 256, "latest", "Latest", "v1", "V20"])
def test_a_name_that_no_alias_can_have_is_refused(either: Any, name: str, alias: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 1)

    with refused("INVALID_PARAMETER_VALUE"):
        either.set_registered_model_alias(name, alias, 1)
