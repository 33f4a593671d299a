"""Searches in a registry of 10,000 models cost what they cost in a small one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.registered_models.search_items import PROMPT, Searching, model_puts, version
from tests.search.projected import NAMES, projected_table
from tests.search.projected import mark_built as mark

MODELS = 10_000
PROMPTS = 500
ODD = {17: "Zebra-finch-17", 4711: "zebra-finch-4711"}


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searching]:
    """10,000 models of one version each, and 500 prompts; names are indexed."""
    table = projected_table(tmp_path_factory.mktemp("models") / "table.ddb")
    mark(table, NAMES)
    table.bulk(
        put
        for n in range(MODELS)
        for put in model_puts(
            ODD.get(n, f"m{n:05d}"),
            updated=n,
            tags={"team": f"t{n % 100}", "owner": f"o{n}"},
            versions=[version(updated=n, run_id=f"run{n // 3}")],
        )
    )
    table.bulk(
        put
        for n in range(PROMPTS)
        for put in model_puts(f"p{n:05d}", tags=PROMPT, versions=[version(tags=PROMPT)])
    )
    yield Searching(table)
    table.close()


def test_a_page_of_a_hundred_takes_two_requests(search: Searching) -> None:
    found, token = search.models()

    assert len(found) == 100
    assert token is not None
    assert all(model.latest_versions[0].version == 1 for model in found)
    assert search.cost().total_requests == 2


def test_page_fifty_costs_what_the_first_one_costs(search: Searching) -> None:
    _, token = search.models()
    first = search.cost()
    for _ in range(48):
        _, token = search.models(token=token)

    found, _ = search.models(token=token)

    # Of the first 4,900 in order one begins with a capital, and one is not named by its number.
    assert [found[0].name, found[-1].name] == ["m04901", "m05000"]
    late = search.cost()
    assert late.total_requests == first.total_requests == 2
    assert late.read_units <= first.read_units + 1


def test_a_page_of_prompts_reads_no_models(search: Searching) -> None:
    found, _ = search.models("tags.`mlflow.prompt.is_prompt` = 'true'")

    assert [model.name for model in found] == [f"p{n:05d}" for n in range(100)]
    assert search.cost().total_requests == 2


def test_a_part_of_a_name_is_found_by_its_postings(search: Searching) -> None:
    found, _ = search.models("name ILIKE '%zebra%'")

    assert [model.name for model in found] == ["Zebra-finch-17", "zebra-finch-4711"]
    assert search.cost().read_units <= 20


def test_versions_by_a_part_of_the_name_are_found_by_its_postings(search: Searching) -> None:
    found, _ = search.versions("name LIKE '%finch%' AND version_number = 1")

    assert [one.name for one in found] == ["zebra-finch-4711", "Zebra-finch-17"]
    assert search.cost().read_units <= 20


def test_a_rare_tag_is_found_without_reading_every_model(search: Searching) -> None:
    found, _ = search.models("tags.owner = 'o123'")

    assert [model.name for model in found] == ["m00123"]
    usage = search.cost()
    assert usage.total_requests <= 3
    assert usage.read_units <= 5


def test_a_tag_of_a_hundred_models_is_found_without_reading_every_model(
    search: Searching,
) -> None:
    found, token = search.models("tags.team = 't42'")

    assert (len(found), token) == (100, None)
    usage = search.cost()
    assert usage.total_requests <= 4
    assert usage.read_units <= 200


def test_the_versions_of_a_run_take_two_requests(search: Searching) -> None:
    found, _ = search.versions("run_id = 'run40'")

    assert sorted(one.name for one in found) == ["m00120", "m00121", "m00122"]
    assert search.cost().total_requests == 2


def test_a_page_of_the_versions_that_were_updated_last(search: Searching) -> None:
    found, _ = search.versions(limit=100)

    assert [found[0].name, found[0].version] == ["m09999", 1]
    assert search.cost().total_requests <= 4


def test_a_page_of_the_versions_by_name_reads_the_models_of_the_page(search: Searching) -> None:
    found, _ = search.versions("name LIKE 'm%'", order_by=["name DESC"], limit=100)

    assert [found[0].name, found[-1].name] == ["m09999", "m09900"]
    usage = search.cost()
    assert usage.total_requests <= 120
    assert usage.read_units <= 200


def test_an_order_without_a_listing_lists_all_versions_and_all_models(search: Searching) -> None:
    found, _ = search.versions(order_by=["creation_timestamp", "name DESC"], limit=100)

    assert [found[0].name, found[-1].name] == ["zebra-finch-4711", "m09901"]
    usage = search.cost()
    assert usage.total_requests <= 30
    assert usage.read_units <= 1_000
