"""Searching experiments: what it costs, and how pages go on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.keys import (
    META,
    experiment_pk,
    experiments_listing,
    newest_first,
    padded_id,
    tag_sk,
)
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.items.texts import text_items
from dynamodbstore_table.port import Delete, Put, Table, Update
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.experiments.search import SearchExperiments

from tests.search.projected import (
    DESCRIPTIONS,
    NAMES,
    TEAM_TAGS,
    mark_built,
    projected_table,
)

CREATED = 1_700_000_000_000


class Searching:
    """A store on a table, and the requests of its searches to DynamoDB."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.meter = Meter()
        counting = CountingTable(table, self.meter)
        self._config = ConfigSource(counting)
        self._search = SearchExperiments(counting, Scope(), self._config)
        self._config.read()

    def built(self, *marks: str) -> None:
        """Let searches rely on these projections."""
        mark_built(self.table, *marks)
        self._config.read()

    def add(
        self,
        experiment_id: str,
        created: int = CREATED,
        tags: dict[str, str] | None = None,
        **changed: Any,
    ) -> None:
        pk = experiment_pk(experiment_id)
        meta = {
            "PK": pk,
            "SK": META,
            "name": f"experiment {experiment_id}",
            "workspace": "default",
            "artifact_location": f"s3://bucket/{experiment_id}",
            "stage": "active",
            "epoch": 0,
            "created": created,
            "updated": created,
            "run_shards": 1,
            "gsi1pk": experiments_listing("default"),
            "gsi1sk": newest_first(created, padded_id(experiment_id)),
            **changed,
        }
        written = [text_items(pk, tag_sk(k), k, v).item for k, v in (tags or {}).items()]
        self.table.bulk([Put(meta), *(Put(item) for item in written)])

    def __call__(self, **query: Any) -> PagedList[Experiment]:
        self.meter.take()
        return self._search.search_experiments(**query)

    def ids(self, **query: Any) -> list[str]:
        return [found.experiment_id for found in self(**query)]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Searching]:
    table = SqliteTable(tmp_path / "table.ddb", durability="process")
    table.create()
    yield Searching(table)
    table.close()


def test_a_page_reads_the_listing_once_and_each_experiment_once(search: Searching) -> None:
    for number in range(9):
        search.add(str(number), CREATED + number, {"team": f"t{number}"})

    page = search(max_results=3)

    assert [found.experiment_id for found in page] == ["8", "7", "6"]
    assert page[0].tags == {"team": "t8"}
    assert search.meter.take().requests == {"Query": 1 + 3}


def test_the_last_page_costs_what_the_first_one_costs(search: Searching) -> None:
    for number in range(20):
        search.add(str(number), CREATED + number)
    token, costs = None, []
    for _ in range(5):
        token = search(max_results=4, page_token=token).token
        costs.append(search.meter.take().total_requests)

    assert token is None
    assert max(costs) == costs[0]


def test_experiments_named_by_the_filter_are_read_by_key(search: Searching) -> None:
    for number in range(9):
        search.add(str(number))

    assert search.ids(filter_string="experiment_id IN ('7', '3', '4711')") == ["3", "7"]

    assert search.meter.take().requests == {"BatchGetItem": 1, "Query": 2}


def test_clauses_on_tags_read_just_those_tags(search: Searching) -> None:
    for number in range(9):
        search.add(str(number), tags={"team": "red" if number == 4 else "blue", "other": "x"})

    assert search.ids(filter_string="tags.team = 'red'") == ["4"]

    assert search.meter.take().requests == {"Query": 1 + 1, "BatchGetItem": 1}


def test_ids_are_numbers_to_orders_and_filters(search: Searching) -> None:
    for number in ("9", "10", "100"):
        search.add(number)

    assert search.ids() == ["9", "10", "100"]
    assert search.ids(order_by=["creation_time DESC"]) == ["100", "10", "9"]
    assert search.ids(order_by=["experiment_id ASC"]) == ["9", "10", "100"]
    assert search.ids(filter_string="experiment_id = '010'") == ["10"]


@pytest.mark.parametrize(
    ("view", "ids"),
    [
        (ViewType.ACTIVE_ONLY, ["1"]),
        (ViewType.DELETED_ONLY, ["2"]),
        (ViewType.ALL, ["1", "2"]),
    ],
)
def test_views_are_by_stage(search: Searching, view: int, ids: list[str]) -> None:
    search.add("1")
    search.add("2", stage="deleted")

    assert search.ids(view_type=view) == ids


def test_experiments_of_another_workspace_are_not_found(search: Searching) -> None:
    search.add("1")
    search.add("2", workspace="other", gsi1pk=experiments_listing("other"))

    assert search.ids() == ["1"]
    assert search.ids(filter_string="experiment_id = '2'") == []


def test_a_page_is_filled_when_an_experiment_has_gone(search: Searching) -> None:
    for number in range(5):
        search.add(str(number), CREATED + number)
    table = search.table
    read_whole = table.partitions

    def gone_meanwhile(pks: Any, **named: Any) -> Any:
        table.write(Delete((experiment_pk("4"), META)))
        table.write(Update((experiment_pk("3"), META), set={"stage": "deleted"}))
        return read_whole(pks, **named)

    table.partitions = gone_meanwhile  # type: ignore[method-assign]

    assert search.ids(max_results=2) == ["2", "1"]


def test_a_token_is_text_and_good_for_its_own_query_alone(search: Searching) -> None:
    for number in range(3):
        search.add(str(number))
    token = search(max_results=1).token

    assert isinstance(token, str)
    assert json.loads(base64.b64decode(token))["offset"] == 1
    with pytest.raises(MlflowException, match="another query"):
        search(max_results=1, page_token=token, filter_string="name = 'x'")


@pytest.mark.parametrize("order_by", [None, ["name ASC"]])
def test_a_bare_offset_skips_that_many(search: Searching, order_by: list[str] | None) -> None:
    for number in range(5):
        search.add(str(number))
    token = base64.b64encode(json.dumps({"offset": 3}).encode())

    assert search.ids(page_token=token, order_by=order_by) == ["3", "4"]


@pytest.mark.parametrize("limit", [None, 0, -5, 50_001])
def test_a_limit_is_from_1_to_50000(search: Searching, limit: int | None) -> None:
    with pytest.raises(MlflowException, match=f"Invalid value {limit} .* It must be") as refused:
        search(max_results=limit)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


# Projections


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Searching]:
    table = projected_table(tmp_path / "projected.ddb")
    yield Searching(table)
    table.close()


@pytest.mark.parametrize(
    ("filter_string", "ids"),
    [
        ("tags.team = 'red'", ["0", "3", "6"]),
        ("tags.team != 'red'", ["1", "2", "4", "5"]),
        ("tags.team ILIKE 'B%'", ["1", "4"]),
        ("tags.team IS NULL", ["7"]),
    ],
)
def test_denormalized_tags_are_not_read(
    projected: Searching, filter_string: str, ids: list[str]
) -> None:
    for number in range(7):
        projected.add(str(number), tags={"team": ("red", "blue", "green")[number % 3]})
    projected.add("7")
    projected.built(TEAM_TAGS)

    assert projected.ids(filter_string=filter_string) == ids

    usage = projected.meter.take()
    assert "BatchGetItem" not in usage.requests
    assert usage.requests["Query"] <= 2 + len(ids)


def test_tags_too_long_for_meta_are_looked_up(projected: Searching) -> None:
    for number in range(5):
        projected.add(str(number), tags={"team": "red" if number else "red" * 100})
    projected.built(TEAM_TAGS)

    assert projected.ids(filter_string="tags.team != 'red'") == ["0"]

    assert projected.meter.take().requests["BatchGetItem"] == 1


@pytest.mark.parametrize("order_by", [None, ["creation_time ASC"], ["name DESC"]])
def test_names_are_found_by_their_trigrams(
    projected: Searching, order_by: list[str] | None
) -> None:
    for number in range(120):
        projected.add(str(number), CREATED + number, name=f"Churn model {number}")
    query: dict[str, Any] = {"filter_string": "name ILIKE '%MODEL 11%'", "order_by": order_by}
    without = projected.ids(**query)
    projected.built(NAMES)

    assert projected.ids(**query) == without
    assert len(without) == 11
    usage = projected.meter.take()
    assert usage.requests["BatchGetItem"] == 1

    pages, token = [], None
    while True:
        page = projected(max_results=4, page_token=token, **query)
        pages += [found.experiment_id for found in page]
        token = page.token
        if not token:
            break
    assert pages == without


def test_descriptions_are_found_by_their_trigrams(projected: Searching) -> None:
    for number in range(40):
        projected.add(str(number), tags={"mlflow.note.content": f"All about trial {number}."})
    projected.add("99", tags={"mlflow.note.content": "Something else"})
    projected.built(DESCRIPTIONS)

    assert projected.ids(filter_string="tags.`mlflow.note.content` LIKE '%thing el%'") == ["99"]

    # Postings and META; what META doesn't hold of the tag; the experiment.
    assert projected.meter.take().requests["BatchGetItem"] == 2
