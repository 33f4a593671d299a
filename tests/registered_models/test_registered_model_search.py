"""Searching registered models: what is found, in which order, and at which cost."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import META, registered_model_key, registered_model_pk
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Update
from mlflow.exceptions import MlflowException

from tests.registered_models.search_items import PROMPT, Searching, version

LONG = "long " * 5_000


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Searching]:
    table = SqliteTable(tmp_path / "table.ddb", durability="process")
    table.create()
    yield Searching(table)
    table.close()


def test_models_come_in_the_order_of_their_names(search: Searching) -> None:
    for name in ("b", "a#", "a$", "a", "É", "B", "a%"):
        search.add(name)

    assert search.names() == ["B", "a", "a#", "a$", "a%", "b", "É"]
    assert search.names(order_by=["name DESC"]) == ["É", "b", "a%", "a$", "a#", "a", "B"]


def test_names_that_are_long_alike_come_in_order(search: Searching) -> None:
    names = [f"{'n' * 1100}{letter}" for letter in "abcdef"] + ["n" * 1100, "n" * 1000 + "z"]
    for name in names:
        search.add(name)

    assert search.names(limit=1) == sorted(names)
    assert search.names(limit=2, order_by=["name DESC"]) == sorted(names, reverse=True)


def test_models_by_their_last_update_and_then_by_name(search: Searching) -> None:
    for name, updated in (("b", 1), ("c", 2), ("a", 1)):
        search.add(name, updated=updated)

    assert search.names(order_by=["last_updated_timestamp DESC"], limit=1) == ["c", "a", "b"]
    assert search.names(order_by=["timestamp", "name DESC"]) == ["b", "a", "c"]


def test_a_model_has_the_latest_version_of_each_stage(search: Searching) -> None:
    stages = ("None", "Production", "None", "Deleted_Internal")
    search.add("m", versions=[version(stage=stage) for stage in stages[:3]])

    (model,), _ = search.models()

    assert {(v.version, v.current_stage) for v in model.latest_versions} == {
        (2, "Production"),
        (3, "None"),
    }


def test_a_page_goes_on_behind_the_last_name_whatever_has_come_before_it(
    search: Searching,
) -> None:
    for name in ("b", "c", "d"):
        search.add(name)
    _, token = search.models(limit=2)
    # When: a model comes that stands on the first page.
    search.add("a")

    page, following = search.models(limit=2, token=token)

    assert [model.name for model in page] == ["d"]
    assert following is None


def test_a_bare_offset_is_a_token(search: Searching) -> None:
    for name in "abcd":
        search.add(name)
    token = base64.b64encode(json.dumps({"offset": 1}).encode())

    page, following = search.models(limit=2, token=token)

    assert [model.name for model in page] == ["b", "c"]
    assert json.loads(base64.b64decode(following or ""))["offset"] == 3


def test_a_token_of_another_filter_is_refused(search: Searching) -> None:
    for name in "abcd":
        search.add(name)
    _, token = search.models(limit=2)

    with pytest.raises(MlflowException, match="another query") as refused:
        search.models("name LIKE 'a%'", limit=2, token=token)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "filter_string",
    ["name IS NULL", "tags.a IS NOT NULL", "name IN (a, b)", "name = 1", "name > 'a'", "x = 'a'"],
)
def test_search_registered_models_refuses_a_malformed_filter(
    search: Searching, filter_string: str
) -> None:
    with pytest.raises(MlflowException) as refused:
        search.models(filter_string)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("limit", [1001, None, "x"])
def test_more_than_a_thousand_models_are_refused(search: Searching, limit: int) -> None:
    with pytest.raises(MlflowException, match="max_results") as refused:
        search.models(limit=limit)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_no_models_at_all_can_be_asked_for(search: Searching) -> None:
    search.add("a")

    assert search.models(limit=0) == ([], None)


# Prompts


@pytest.fixture
def prompts(search: Searching) -> Searching:
    """A model, a prompt, one that is almost a prompt, and one whose tag excludes it."""
    search.add("model")
    search.add("prompt", tags=PROMPT)
    search.add("TRUE", tags={"mlflow.prompt.is_prompt": "TRUE"})
    search.add("false", tags={"mlflow.prompt.is_prompt": "false"})
    return search


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        pytest.param(None, ["TRUE", "false", "model"], id="none"),
        pytest.param("!= 'true'", ["TRUE", "false", "model"], id="not-true"),
        pytest.param("= 'false'", ["TRUE", "false", "model"], id="false"),
        pytest.param("LIKE 'true'", ["TRUE", "false", "model"], id="like"),
        pytest.param("= 'true'", ["prompt"], id="true"),
        pytest.param("= 'TRUE'", ["TRUE"], id="capitals"),
        pytest.param("!= 'false'", ["TRUE", "prompt"], id="not-false"),
    ],
)
def test_prompts_and_models_are_shown_apart(
    prompts: Searching, clause: str | None, found: list[str]
) -> None:
    on_tag = clause and f"tags.`mlflow.prompt.is_prompt` {clause}"

    assert prompts.names(on_tag) == found


def test_prompts_of_an_experiment_are_found_by_their_tag(search: Searching) -> None:
    for n in range(30):
        search.add(f"p{n}", tags={**PROMPT, "_mlflow_experiment_ids": f",{n % 10},"})

    found = search.names(
        "tags.`mlflow.prompt.is_prompt` = 'true' AND tags._mlflow_experiment_ids LIKE '%,3,%'"
    )

    assert found == ["p13", "p23", "p3"]


# Names


def test_a_model_is_found_by_its_name_in_one_request_and_its_versions_in_another(
    search: Searching,
) -> None:
    for n in range(50):
        search.add(f"m{n}", versions=[version()])

    found, _ = search.models("name = 'm7'")

    assert [model.name for model in found] == ["m7"]
    assert search.cost().total_requests == 2


def test_models_are_found_by_a_list_of_names(search: Searching) -> None:
    for n in range(9):
        search.add(f"m{n}", model_key="f" * 31 + str(n) if n % 2 else None)

    assert search.names("name IN ('m5', 'm2', 'gone') AND name NOT IN ('m7')") == ["m2", "m5"]


def test_a_model_that_is_being_deleted_is_not_found(search: Searching) -> None:
    search.add("m", tags={"a": "x"})
    pk = registered_model_pk(registered_model_key("default", "m"))
    search.table.write(Update((pk, META), set={DELETING: True}))

    for filter_string in (None, "name = 'm'", "name LIKE 'm%'", "tags.a = 'x'"):
        assert search.names(filter_string) == []


def test_names_that_begin_alike_are_read_and_no_others(search: Searching) -> None:
    for n in range(400):
        search.add(f"{'ab'[n % 2]}_{n:03d}")

    assert search.names("name LIKE 'a_00%' AND name LIKE 'a%'") == [
        f"a_{n:03d}" for n in (0, 2, 4, 6, 8)
    ]
    assert search.cost().read_units < 40


# Tags


def test_models_with_a_rare_value_are_found_without_reading_the_others(
    search: Searching,
) -> None:
    for n in range(600):
        search.add(f"m{n:03d}", tags={"team": f"team {n // 2}", "env": "prod"})

    found = search.names("tags.team = 'team 7' AND tags.env = 'prod'")

    assert found == ["m014", "m015"]
    assert search.cost().read_units <= 10


def test_a_common_value_is_found_in_the_listing_page_by_page(search: Searching) -> None:
    for n in range(600):
        search.add(f"m{n:03d}", tags={"env": "prod" if n % 3 else "test"})

    assert search.names("tags.env = 'prod'", limit=200) == [
        f"m{n:03d}" for n in range(600) if n % 3
    ]


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("tags.a = 'x#y'", ["hash"]),
        ("tags.a LIKE 'x%'", ["hash", "long", "x"]),
        ("tags.a ILIKE 'X'", ["x"]),
        ("tags.a != 'x'", ["hash", "long", "other"]),
        ("tags.a LIKE 'x%' AND tags.a != 'x'", ["hash", "long"]),
        ("tags.a = 'x' AND tags.b = '1'", ["x"]),
        ("tags.a = 'x' AND tags.b = '2'", []),
        (f"tags.a = 'x{LONG}'", ["long"]),
        (f"tags.a LIKE 'x{LONG[:500]}%'", ["long"]),
        ("tags.nothing != 'x'", []),
    ],
)
def test_tags_are_compared_whatever_their_length(
    search: Searching, clause: str, found: list[str]
) -> None:
    search.add("x", tags={"a": "x", "b": "1"})
    search.add("hash", tags={"a": "x#y"})
    search.add("long", tags={"a": f"x{LONG}"})
    search.add("other", tags={"a": "other"})
    search.add("none")

    assert search.names(clause) == found
