"""Searching model versions: what is found, in which order, and at which cost."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from tests.registered_models.search_items import PROMPT, Searching, version

LONG = "long " * 5_000


def new_search(path: Path) -> Searching:
    table = SqliteTable(path, durability="process")
    table.create()
    return Searching(table)


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Searching]:
    searching = new_search(tmp_path / "table.ddb")
    yield searching
    searching.table.close()


# Orders


def test_what_was_updated_last_comes_first_then_names_and_the_highest_numbers(
    search: Searching,
) -> None:
    search.add("b", versions=[version(updated=5), version(updated=5), version(updated=9)])
    search.add("a", versions=[version(updated=5), version(updated=5)])

    for limit in (1, 2, 3, 100):
        assert search.numbers(limit=limit) == ["b/3", "a/2", "a/1", "b/2", "b/1"]


def test_renaming_a_model_counts_as_an_update_of_its_versions(search: Searching) -> None:
    search.add("early", versions=[version(updated=1), version(updated=60)], renamed=50)
    search.add("other", versions=[version(updated=55), version(updated=50), version(updated=2)])

    newest = ["early/2", "other/1", "early/1", "other/2", "other/3"]
    for limit in (1, 2, 100):
        assert search.numbers(limit=limit) == newest
        assert search.numbers(order_by=["last_updated_timestamp ASC"], limit=limit) == [
            *("other/3", "early/1", "other/2", "other/1", "early/2")
        ]


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    models=st.lists(
        st.tuples(st.none() | st.integers(1, 6), st.lists(st.integers(1, 6), max_size=4)),
        max_size=6,
    ),
    order=st.sampled_from(
        (
            [],
            ["last_updated_timestamp ASC"],
            ["last_updated_timestamp DESC", "version_number ASC"],
            ["last_updated_timestamp ASC", "creation_timestamp DESC", "name DESC"],
            ["name DESC"],
            ["name", "last_updated_timestamp", "version_number"],
            ["version_number"],
        )
    ),
    limit=st.integers(1, 5),
)
def test_pages_are_the_whole_in_order_whatever_was_renamed_when(
    tmp_path_factory: pytest.TempPathFactory,
    models: list[tuple[int | None, list[int]]],
    order: list[str],
    limit: int,
) -> None:
    search = new_search(tmp_path_factory.mktemp("pages") / "table.ddb")
    rows = []
    for n, (renamed, times) in enumerate(models):
        name = f"m{n}"
        search.add(name, renamed=renamed, versions=[version(updated=t) for t in times])
        rows += [
            {
                "name": name,
                "version_number": number,
                "creation_timestamp": 1,
                "last_updated_timestamp": max(time, renamed or 0),
            }
            for number, time in enumerate(times, 1)
        ]
    rows.sort(key=lambda row: row["version_number"], reverse=True)
    rows.sort(key=lambda row: row["name"])
    for text in reversed(order or ["last_updated_timestamp DESC"]):
        field, _, direction = text.partition(" ")
        rows.sort(key=lambda row, field=field: row[field], reverse=direction == "DESC")

    found = search.numbers(order_by=order, limit=limit)

    assert found == [f"{row['name']}/{row['version_number']}" for row in rows]
    search.table.close()


def test_a_late_page_costs_what_the_first_one_costs(search: Searching) -> None:
    for n in range(300):
        search.add(f"m{n:03d}", versions=[version(updated=n)] * 2)
    _, token = search.versions(limit=10)
    first = search.cost()
    for _ in range(48):
        _, token = search.versions(limit=10, token=token)

    page, _ = search.versions(limit=10, token=token)

    assert page[0].name == "m054"
    late = search.cost()
    assert late.total_requests <= first.total_requests == 3
    assert late.read_units <= first.read_units + 2


@pytest.mark.parametrize("order", ["name", "name DESC"])
def test_pages_in_the_order_of_names_cost_what_the_first_one_costs(
    search: Searching, order: str
) -> None:
    for n in range(300):
        search.add(f"m{n:03d}", versions=[version()] * 2)
    _, token = search.versions(order_by=[order], limit=9)
    first = search.cost()
    for _ in range(30):
        _, token = search.versions(order_by=[order], limit=9, token=token)

    page, _ = search.versions(order_by=[order], limit=9, token=token)

    # 279 are before these: of the 140th model one
    names = ["m139", *[f"m{n}" for n in range(140, 144) for _ in range(2)]]
    if order == "name DESC":
        names = [f"m{299 - int(name[1:]):03d}" for name in names]
    assert [one.name for one in page] == names
    late = search.cost()
    assert late.total_requests <= first.total_requests
    assert late.read_units <= first.read_units <= 40


@pytest.mark.parametrize(
    ("clause", "order", "found"),
    [
        ("name LIKE 'a%'", "name DESC", ["ab/1", "aB/2", "aB/1", "a/1"]),
        ("name ILIKE '_B' AND name != 'ab'", "name", ["aB/2", "aB/1"]),
        ("name LIKE 'a%' AND version_number > 1", "name", ["aB/2"]),
        ("name != 'b' AND tags.k = 'v'", "name", ["a/1"]),
        ("tags.`mlflow.prompt.is_prompt` = 'true'", "name", ["p/1"]),
        (None, "name", ["a/1", "aB/2", "aB/1", "ab/1", "b/1"]),
    ],
)
def test_a_filter_leaves_the_order_of_names(
    search: Searching, clause: str | None, order: str, found: list[str]
) -> None:
    search.add("b", versions=[version()])
    search.add("ab", versions=[version()])
    search.add("aB", versions=[version(), version()])
    search.add("a", versions=[version(tags={"k": "v"})])
    search.add("p", tags=PROMPT, versions=[version(tags=PROMPT)])
    search.add("none")

    for limit in (1, 100):
        assert search.numbers(clause, order_by=[order], limit=limit) == found


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_versions_of_models_whose_names_are_long_alike_come_in_order(
    search: Searching, limit: int
) -> None:
    names = [f"{LONG}{end}" for end in "cabd"]
    for name in names:
        search.add(name, versions=[version()] * 2)

    ascending = search.numbers(order_by=["name"], limit=limit)
    descending = search.numbers(order_by=["name DESC"], limit=limit)

    assert ascending == [f"{name}/{n}" for name in sorted(names) for n in (2, 1)]
    assert descending == [f"{name}/{n}" for name in sorted(names, reverse=True) for n in (2, 1)]


def test_the_models_of_few_versions_are_read_by_their_keys(search: Searching) -> None:
    for n in range(200):
        search.add(f"m{n:03d}", versions=[version()] if n % 40 == 0 else [])

    found, _ = search.versions(order_by=["version_number"])

    assert len(found) == 5
    assert search.cost().read_units <= 5


def test_in_the_order_of_names_no_versions_of_prompts_are_read(search: Searching) -> None:
    for n in range(50):
        search.add(f"a{n:02d}", tags=PROMPT, versions=[version(tags=PROMPT)])
    search.add("b", versions=[version()])

    assert search.numbers(order_by=["name"]) == ["b/1"]
    assert search.cost().total_requests == 3


def test_a_bare_offset_in_the_order_of_names_is_a_token(search: Searching) -> None:
    search.add("a", versions=[version()] * 2)
    search.add("b", versions=[version()] * 2)
    token = base64.b64encode(json.dumps({"offset": 1}).encode())

    page, following = search.versions(order_by=["name"], limit=2, token=token)
    rest, _ = search.versions(order_by=["name"], limit=2, token=following)

    assert [(one.name, one.version) for one in [*page, *rest]] == [("a", 1), ("b", 2), ("b", 1)]


def test_a_bare_offset_is_a_token(search: Searching) -> None:
    search.add("m", versions=[version()] * 4)
    token = base64.b64encode(json.dumps({"offset": 1}).encode())

    page, following = search.versions(limit=2, token=token)

    assert [one.version for one in page] == [3, 2]
    assert json.loads(base64.b64decode(following or ""))["offset"] == 3


@pytest.mark.parametrize(
    ("order", "cursors"),
    [
        (None, ([1, "m", "2"], [1, "m"], [1, "\ud800", 2], [1, "", 2], ["1", "m", 2], "{")),
        (["name"], (["m", "2"], ["m"], ["\ud800", 2], ["", 2], [2, "m"], "{")),
        (["version_number"], ([2, "m"],)),
    ],
)
def test_a_token_that_was_tampered_with_is_refused(
    search: Searching, order: list[str] | None, cursors: Iterable[object]
) -> None:
    search.add("m", versions=[version()] * 4)
    _, token = search.versions(order_by=order, limit=2)
    for cursor in cursors:
        content = {**json.loads(base64.b64decode(token or "")), "cursor": cursor}
        tampered = base64.b64encode(json.dumps(content).encode())

        with pytest.raises(MlflowException, match="page token") as refused:
            search.versions(order_by=order, limit=2, token=tampered)

        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


# Runs, models and numbers


def test_the_versions_of_a_run_take_two_requests(search: Searching) -> None:
    for n in range(40):
        runs = [f"run{n % 4}", None, f"run{n % 5}"]
        search.add(f"m{n:02d}", versions=[version(run_id=run_id) for run_id in runs])

    found, _ = search.versions("run_id = 'run3'")

    assert search.cost().total_requests == 2
    assert {(one.name, one.version) for one in found} == {
        *((f"m{n:02d}", 1) for n in range(40) if n % 4 == 3),
        *((f"m{n:02d}", 3) for n in range(40) if n % 5 == 3),
    }


def test_versions_of_several_runs(search: Searching) -> None:
    search.add("m", versions=[version(run_id=run_id) for run_id in ("a", "b", "", "c", None, "a")])

    assert search.numbers("run_id IN ('a', 'c')") == ["m/6", "m/4", "m/1"]
    assert search.numbers("run_id IN ('a', 'c') AND run_id != 'c'") == ["m/6", "m/1"]
    assert search.numbers("run_id IN ('a', 'b') AND run_id IN ('b', 'c')") == ["m/2"]
    assert search.numbers("run_id NOT IN ('a', 'c')") == ["m/3", "m/2"]
    assert search.numbers("run_id = ''") == ["m/3"]
    assert search.numbers("run_id = 'nobody'") == []


def test_the_versions_of_a_model_are_read_from_its_partition(search: Searching) -> None:
    for n in range(300):
        search.add(f"m{n}", versions=[version()] * 3)

    assert search.numbers("name = 'm7'") == ["m7/3", "m7/2", "m7/1"]
    usage = search.cost()
    assert usage.total_requests == 2
    assert usage.read_units <= 6


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("version_number = 2", ["m/2"]),
        ("version_number = '2'", ["m/2"]),
        ("version_number != 2", ["m/4", "m/3", "m/1"]),
        ("version_number > 2", ["m/4", "m/3"]),
        ("version_number >= 2 AND version_number < 4", ["m/3", "m/2"]),
        ("version_number <= 1", ["m/1"]),
        ("version_number > 2 AND version_number < 2", []),
        ("version_number < 99999999999999999999", ["m/4", "m/3", "m/2", "m/1"]),
        ("version_number = -99999999999999999999", []),
    ],
)
def test_numbers_are_compared_in_one_model_and_in_all(
    search: Searching, clause: str, found: list[str]
) -> None:
    search.add("m", versions=[version()] * 4)

    assert search.numbers(clause) == found
    assert search.numbers(f"name = 'm' AND {clause}") == found


def test_models_by_the_beginning_of_their_names(search: Searching) -> None:
    for name in ("ab", "abc", "b", "ABC"):
        search.add(name, versions=[version()])
    search.add("abcd", tags=PROMPT, versions=[version()])

    assert search.numbers("name LIKE 'ab%'") == ["ab/1", "abc/1", "abcd/1"]
    assert search.numbers("name ILIKE 'ab%' AND name != 'ab'") == ["ABC/1", "abc/1", "abcd/1"]


def test_many_models_whose_names_begin_alike_are_found_in_the_listing(search: Searching) -> None:
    for n in range(410):
        search.add(f"a{n:03d}", versions=[version(updated=n)])
    search.add("b", versions=[version()])

    found, token = search.versions("name LIKE 'a%'", limit=5)

    assert [one.name for one in found] == ["a409", "a408", "a407", "a406", "a405"]
    assert token is not None


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("source_path LIKE 's3://%'", ["m/2", "m/1"]),
        ("source_path = 'S3://b'", []),
        ("source_path ILIKE 'S3://%' AND tags.a = 'x'", ["m/1"]),
        ("tags.a != 'x'", ["m/3", "m/2"]),
        (f"tags.a = '{LONG}'", ["m/3"]),
        ("tags.a LIKE 'long%'", ["m/3"]),
        ("tags.a ILIKE '%' AND tags.b = '1'", ["m/2"]),
    ],
)
def test_sources_and_tags_are_compared(search: Searching, clause: str, found: list[str]) -> None:
    search.add(
        "m",
        versions=[
            version(source="s3://b", tags={"a": "x"}),
            version(source="s3://c", tags={"a": "y", "b": "1"}),
            version(source="/c", tags={"a": LONG}),
            version(source="/c"),
        ],
    )

    assert search.numbers(clause) == found


def test_versions_that_were_deleted_are_not_found(search: Searching) -> None:
    search.add("m", versions=[version(run_id="r"), version(run_id="r", stage="Deleted_Internal")])

    for filter_string in (None, "name = 'm'", "run_id = 'r'"):
        assert search.numbers(filter_string) == ["m/1"]


# Prompts


def test_one_version_that_is_a_prompt_hides_all_of_its_name(search: Searching) -> None:
    search.add("model", versions=[version(run_id="r")])
    search.add("prompt", tags=PROMPT, versions=[version(run_id="r", tags=PROMPT)] * 2)
    search.add("mixed", versions=[version(run_id="r"), version(run_id="r", tags=PROMPT)])

    is_prompt = "tags.`mlflow.prompt.is_prompt`"
    for filter_string in (None, "run_id = 'r'", "name LIKE 'm%'", f"{is_prompt} = 'false'"):
        assert search.numbers(filter_string) == ["model/1"]
    assert search.numbers("name = 'prompt'") == []
    assert search.numbers(f"{is_prompt} = 'true'") == ["mixed/2", "prompt/2", "prompt/1"]
    assert search.numbers(f"{is_prompt} != 'false' AND name = 'mixed'") == ["mixed/2"]


@pytest.mark.parametrize("limit", [0, -1, 200_001, None, "1"])
def test_limits_that_are_none_are_refused(search: Searching, limit: int) -> None:
    with pytest.raises(MlflowException, match="max_results") as refused:
        search.versions(limit=limit)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
