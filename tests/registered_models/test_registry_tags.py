"""Tags of models and versions: what is true of our registry and of MLflow's own."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from tests.registered_models.stores import SOURCE, add_versions
from tests.tracking.stores import refused

ODD_KEYS = ["k", "a b.c/d-e_f", "x" * 250, "ü" * 250]
LONG = [pytest.param(f"{size:d} " * size, id=str(size)) for size in (3_000, 16_000)]


def test_tags_of_a_model_are_set_replaced_and_deleted(either: Any, name: str) -> None:
    either.create_registered_model(name)
    before = either.get_registered_model(name)
    for key in ODD_KEYS:
        either.set_registered_model_tag(name, RegisteredModelTag(key, "old"))
        either.set_registered_model_tag(name, RegisteredModelTag(key, key))

    assert either.get_registered_model(name).tags == {key: key for key in ODD_KEYS}

    for key in ODD_KEYS[1:]:
        either.delete_registered_model_tag(name, key)
        either.delete_registered_model_tag(name, key)
    after = either.get_registered_model(name)
    assert after.tags == {"k": "k"}
    assert after.last_updated_timestamp == before.last_updated_timestamp


def test_tags_of_a_version_are_its_own(either: Any, name: str) -> None:
    either.create_registered_model(name)
    before = add_versions(either, name, 2)[0]
    for key in ODD_KEYS:
        either.set_model_version_tag(name, "1", ModelVersionTag(key, "old"))
        either.set_model_version_tag(name, 1, ModelVersionTag(key, key))

    assert either.get_model_version(name, 1).tags == {key: key for key in ODD_KEYS}
    assert either.get_model_version(name, 2).tags == {}

    for key in ODD_KEYS[1:]:
        either.delete_model_version_tag(name, 1, key)
        either.delete_model_version_tag(name, "1", key)
    after = either.get_model_version(name, 1)
    assert after.tags == {"k": "k"}
    assert after.last_updated_timestamp == before.last_updated_timestamp


@pytest.mark.parametrize("value", LONG)
def test_long_values_are_kept_whole(either: Any, name: str, value: str) -> None:
    either.create_registered_model(name, [RegisteredModelTag("k", value)])
    either.create_model_version(name, SOURCE, tags=[ModelVersionTag("k", value)])

    assert either.get_registered_model(name).tags == {"k": value}
    assert either.get_model_version(name, 1).tags == {"k": value}
    [latest] = either.get_registered_model(name).latest_versions
    assert latest.tags == {"k": value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("x" * 251, "v", id="long key"),
        pytest.param("", "v", id="empty key"),
        pytest.param(None, "v", id="no key"),
        pytest.param("k", "v" * 100_001, id="long value"),
    ],
)
def test_a_tag_that_can_not_be_is_refused(
    either: Any, name: str, key: str | None, value: str
) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 1)
    model_tag, version_tag = RegisteredModelTag(key, value), ModelVersionTag(key, value)

    for call in (
        lambda: either.create_registered_model(f"{name}!", [model_tag]),
        lambda: either.set_registered_model_tag(name, model_tag),
        lambda: either.create_model_version(name, SOURCE, tags=[version_tag]),
        lambda: either.set_model_version_tag(name, 1, version_tag),
    ):
        with refused("INVALID_PARAMETER_VALUE"):
            call()


def test_a_model_s_tag_may_have_no_value_a_version_s_must(either: Any, name: str) -> None:
    either.create_registered_model(name)
    add_versions(either, name, 1)

    either.set_registered_model_tag(name, RegisteredModelTag("k", None))
    with refused("INVALID_PARAMETER_VALUE"):
        either.set_model_version_tag(name, 1, ModelVersionTag("k", None))

    assert either.get_registered_model(name).tags == {"k": None}


@pytest.mark.parametrize("value", ["true", "TRUE", "false"])
def test_the_tag_of_a_prompt_moves_a_model_between_the_searches(
    either: Any, name: str, value: str
) -> None:
    def found(prompts: str) -> bool:
        filter_string = f"name = '{name}'{prompts}"
        return [model.name for model in either.search_registered_models(filter_string)] == [name]

    is_prompt = f" AND tag.`{IS_PROMPT_TAG_KEY}` = 'true'"
    either.create_registered_model(name)
    seen = [(found(""), found(is_prompt))]
    either.set_registered_model_tag(name, RegisteredModelTag(IS_PROMPT_TAG_KEY, value))
    seen.append((found(""), found(is_prompt)))
    either.delete_registered_model_tag(name, IS_PROMPT_TAG_KEY)
    seen.append((found(""), found(is_prompt)))

    between = (False, True) if value == "true" else (True, False)
    assert seen == [(True, False), between, (True, False)]


def test_one_version_of_a_prompt_hides_all_of_its_model(either: Any, name: str) -> None:
    def found() -> int:
        return len(either.search_model_versions(f"name = '{name}'"))

    either.create_registered_model(name)
    add_versions(either, name, 3)
    seen = [found()]
    for number in (1, 2):
        for value in ("true", "true", "false", "true"):
            either.set_model_version_tag(name, number, ModelVersionTag(IS_PROMPT_TAG_KEY, value))
        seen.append(found())
    either.delete_model_version_tag(name, 1, IS_PROMPT_TAG_KEY)
    seen.append(found())
    either.delete_model_version_tag(name, 1, IS_PROMPT_TAG_KEY)
    either.set_model_version_tag(name, 2, ModelVersionTag(IS_PROMPT_TAG_KEY, "no"))
    seen.append(found())
    either.create_model_version(name, SOURCE, tags=[ModelVersionTag(IS_PROMPT_TAG_KEY, "true")])
    seen.append(found())
    either.delete_model_version(name, 4)
    seen.append(found())

    assert seen == [3, 0, 0, 0, 3, 0, 0]
