"""The loop that carries out plans: pages that end early, whatever is searched for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from mlflow.entities import ViewType
from mlflow_dynamodbstore.runs.search import RUNS
from mlflow_dynamodbstore.search.execute import execute
from mlflow_dynamodbstore.search.plan import Bounds
from mlflow_dynamodbstore.search.searchable import Context, Request

from tests.search.items import experiment, put_run, run_meta

MANY = Bounds(candidates=10**9, seconds=3600)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    made = SqliteTable(tmp_path / "table.ddb", durability="process")
    made.create()
    for n in range(120):
        put_run(made, run_meta(f"r{n:03d}", n), params={"p": "x" if n in (3, 70) else "y"})
    yield made
    made.close()


def pages(
    table: SqliteTable, bounds: Bounds, token: str | None = None, limit: int = 100
) -> Iterator[list[str]]:
    """The ids on each page of a search for the runs 70 and 3."""
    searched = {"1": experiment()}
    while True:
        request = Request(
            "params.p = 'x'", limit, None, token, experiment_ids=["1"], view_type=ViewType.ALL
        )
        query = RUNS.parse(request)
        plan = RUNS.plan(request, query, Context(experiments=lambda wanted: searched))
        runs, following = execute(table, replace(plan, bounds=bounds))
        yield [run.info.run_id for run in runs]
        if following is None:
            return
        token = query.tokens.encode(following)


def test_execute_ends_a_page_behind_the_candidates_of_its_bounds(table: SqliteTable) -> None:
    found = list(pages(table, Bounds(candidates=30, seconds=3600)))

    # 120 candidates are four times 30: r119 to r090, r089 to r060, …
    assert found == [[], ["r070"], [], ["r003"], []]


def test_execute_ends_a_page_when_its_time_is_over(table: SqliteTable) -> None:
    found = list(pages(table, Bounds(candidates=10**9, seconds=0)))

    assert [run_id for page in found for run_id in page] == ["r070", "r003"]
    assert len(found) > 2


def test_execute_looks_at_everything_within_its_bounds(table: SqliteTable) -> None:
    assert list(pages(table, MANY)) == [["r070", "r003"]]


def test_execute_fills_a_page_before_its_bounds(table: SqliteTable) -> None:
    found = list(pages(table, Bounds(candidates=60, seconds=3600), limit=1))

    assert [page for page in found if page] == [["r070"], ["r003"]]


def test_execute_skips_a_bare_offset_whatever_its_bounds(table: SqliteTable) -> None:
    token = "eyJvZmZzZXQiOiAxfQ=="  # {"offset": 1}

    assert list(pages(table, Bounds(candidates=10, seconds=0), token)) == [["r003"]]


def test_lines_say_where_a_page_ends() -> None:
    request = Request("params.p = 'x'", experiment_ids=["1"], max_results=5)
    plan = RUNS.plan(request, RUNS.parse(request), Context())

    lines = list(replace(plan, bounds=Bounds(2000, 5)).lines())

    assert "a page ends after 2000 candidates or 5 seconds with what it has" in lines
