"""What must hold whichever process comes first: names, numbers, latest versions, aliases."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow_dynamodbstore.stores.build_registry import build_registry_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.conftest import new_table_name
from tests.registered_models.stores import SOURCE, add_versions, latest
from tests.tracking.processes import PROCESSES, outcome, together

CREATORS = 100
ROUNDS = 10


@pytest.fixture(params=["embedded", "dynoxide"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A registry that several processes can open."""
    if request.param == "embedded":
        return f"dynamodb:///{tmp_path}/store.ddb?durability=process"
    return f"dynamodb://{request.getfixturevalue('dynoxide_endpoint')}/{new_table_name()}"


def test_a_hundred_creators_at_once_get_the_numbers_from_1_to_100(uri: str) -> None:
    store = build_registry_store(uri)
    store.create_registered_model("net")

    def create(number: int) -> list[int]:
        other = build_registry_store(uri)
        with ThreadPoolExecutor(CREATORS // PROCESSES) as pool:
            created = pool.map(
                lambda n: other.create_model_version("net", f"s3://{number}/{n}").version,
                range(CREATORS // PROCESSES),
            )
            return list(created)

    numbers = [number for of_one in together(create) for number in of_one]

    assert sorted(numbers) == list(range(1, CREATORS + 1))
    versions = [store.get_model_version("net", number) for number in sorted(numbers)]
    assert len({version.source for version in versions}) == CREATORS
    assert latest(store, "net") == {"None": CREATORS}


def test_a_name_goes_to_one_of_those_who_want_it(uri: str) -> None:
    store = build_registry_store(uri)
    names = [f"m{n}" for n in range(ROUNDS)]

    def create(number: int) -> list[str]:
        other = build_registry_store(uri)
        return [outcome(partial(other.create_registered_model, name)) for name in names]

    for outcomes in zip(*together(create), strict=True):
        assert Counter(outcomes) == {"done": 1, "RESOURCE_ALREADY_EXISTS": PROCESSES - 1}
    assert [model.name for model in store.search_registered_models()] == names


def test_rename_registered_model_gives_a_name_to_one_of_many_callers(uri: str) -> None:
    store = build_registry_store(uri)
    own = [store.create_registered_model(f"own{n}").name for n in range(PROCESSES)]

    def rename(number: int) -> str:
        other = build_registry_store(uri)
        return outcome(lambda: other.rename_registered_model(own[number], "wanted"))

    outcomes = together(rename)

    assert Counter(outcomes) == {"done": 1, "RESOURCE_ALREADY_EXISTS": PROCESSES - 1}
    left = [name for name, outcome in zip(own, outcomes, strict=True) if outcome != "done"]
    assert [model.name for model in store.search_registered_models()] == [*left, "wanted"]


def test_a_model_comes_and_goes_under_those_who_use_it(uri: str) -> None:
    # given processes that create, use, rename and delete models of one name
    build_registry_store(uri)

    def work(number: int) -> Counter[str]:
        other = build_registry_store(uri)
        calls = [
            lambda: other.create_registered_model("net"),
            lambda: other.create_model_version("net", SOURCE),
            lambda: other.set_registered_model_alias("net", "champion", 1),
            lambda: other.get_registered_model("net"),
            lambda: other.rename_registered_model("net", "other"),
            lambda: other.delete_registered_model("net"),
            lambda: other.delete_registered_model("other"),
        ]
        shift = 2 * number
        return Counter(
            outcome(call) for _ in range(ROUNDS) for call in [*calls[shift:], *calls[:shift]]
        )

    # then each call does its work, or reports that the model is missing or its name is taken
    counted = sum(together(work), Counter[str]())
    assert counted.keys() <= {"done", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}

    # and nothing is left of those that were deleted
    store = build_registry_store(uri)
    models = {model.name for model in store.search_registered_models()}
    for name in ("net", "other"):
        found = outcome(lambda: store.get_registered_model(name))  # noqa: B023
        assert (found == "done") == (name in models)
        if name in models:
            store.delete_registered_model(name)
    assert store.search_model_versions() == []
    page = store._table.scan()
    assert [item["PK"] for item in page.items if item["PK"].startswith(("RM#", "NAME#"))] == []


def test_latest_versions_and_aliases_fit_the_versions_in_the_end(uri: str) -> None:
    store = build_registry_store(uri)
    store.create_registered_model("net")
    add_versions(store, "net", 8)

    def work(number: int) -> None:
        other = build_registry_store(uri)
        for n in range(ROUNDS):
            version = 1 + (n + 3 * number) % 8
            stage = ("None", "Staging", "Production", "Archived")[(n + number) % 4]
            archive = stage in ("Staging", "Production") and number % 2 == 0
            outcome(lambda: other.set_registered_model_alias("net", f"alias {n}", version))  # noqa: B023
            outcome(partial(other.transition_model_version_stage, "net", version, stage, archive))
            if n == ROUNDS - 2:
                outcome(partial(other.delete_model_version, "net", 1 + number))
            other.create_model_version("net", SOURCE)

    together(work)

    there = store.search_model_versions("name = 'net'")
    assert {v.version for v in there} == set(range(5, 9 + PROCESSES * ROUNDS))
    highest: dict[str, int] = {}
    for version in sorted(there, key=lambda v: int(v.version)):
        highest[version.current_stage] = version.version
    assert latest(store, "net") == highest
    assert set(store.get_registered_model("net").aliases.values()) <= {v.version for v in there}


def test_tags_set_by_all_are_all_there(uri: str) -> None:
    store = build_registry_store(uri)
    store.create_registered_model("net")
    store.create_model_version("net", SOURCE)

    def tag(number: int) -> None:
        other = build_registry_store(uri)
        for n in range(ROUNDS):
            other.set_registered_model_tag("net", RegisteredModelTag(f"{number} {n}", "v"))
            other.set_model_version_tag("net", 1, ModelVersionTag(f"{number} {n}", "v"))
            prompt = str(n % 2 == number % 2).lower()
            other.set_model_version_tag("net", 1, ModelVersionTag(IS_PROMPT_TAG_KEY, prompt))

    together(tag)

    expected = {f"{number} {n}": "v" for number in range(PROCESSES) for n in range(ROUNDS)}
    assert store.get_registered_model("net").tags == expected
    version = store.get_model_version("net", 1)
    prompt = version.tags.pop(IS_PROMPT_TAG_KEY)
    assert version.tags == expected
    assert _prompt_versions(store) == (1 if prompt == "true" else 0)


def _prompt_versions(store: DynamoRegistryStore) -> int:
    meta = store._models.require("net").meta
    count: int = meta["prompt_versions"]
    return count
