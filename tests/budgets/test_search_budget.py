"""What a search of ended runs costs: the same in a small experiment and in a large one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put
from dynamodbstore_table.testing.counting import Usage

from tests.search.items import put_run, run_meta
from tests.search.projected import NAMES, SUMMARY, SYSTEM_TAGS, projected_table
from tests.search.test_run_search import Searching

RUNS = 1000


def add_runs(search: Searching, first: int, last: int) -> None:
    """Runs as training scripts leave them: with MLflow's own tags, params and metrics."""
    for n in range(first, last):
        run_id = f"{n:032x}"
        meta = run_meta(
            run_id, 1_700_000_000_000 + n, status="FINISHED", end_time=1_700_000_060_000 + n
        )
        put_run(
            search.table,
            meta,
            params={f"param_{k}": str(n * k) for k in range(10)},
            tags={
                "mlflow.runName": f"gentle-shark-{n}",
                "mlflow.user": "ada",
                "mlflow.source.name": "train.py",
                "mlflow.source.type": "LOCAL",
            },
            metrics={f"metric_{k}": 1 / (1 + n + k) for k in range(10)},
        )


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searching]:
    table = projected_table(tmp_path_factory.mktemp("budget") / "table.ddb")
    searching = Searching(table)
    searching.built(SUMMARY, SYSTEM_TAGS, NAMES)
    add_runs(searching, 0, RUNS)
    yield searching
    table.close()


def cost(search: Searching, filter_string: str = "", token: str | None = None) -> Usage:
    """What a page of 100 runs costs, the configuration's query included."""
    search.meter.take()
    search.read_config()
    config = search.meter.take()
    runs, _ = search(filter_string, token=token)
    assert len(runs) == 100
    used = search.meter.take()
    return Usage(
        {"config": config.total_requests, **used.requests},
        read_units=config.read_units + used.read_units,
    )


def test_a_hundred_ended_runs_of_a_thousand_keep_to_the_budget(search: Searching) -> None:
    spent = cost(search)

    assert spent.total_requests <= 4
    assert spent.read_units <= 60


def test_the_last_page_of_a_thousand_costs_no_more(search: Searching) -> None:
    token = None
    for _ in range(9):
        _, token = search(token=token)

    spent = cost(search, token=token)

    assert spent.total_requests <= 4
    assert spent.read_units <= 60


@pytest.mark.slow
def test_among_a_hundred_thousand_runs_a_hundred_cost_no_more(
    search: Searching, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Given 99,000 runs before those of the page
    path = next(tmp_path_factory.getbasetemp().glob("budget*/table.ddb"))
    unobserved = SqliteTable(path, durability="process")
    unobserved.bulk(
        Put(
            run_meta(
                f"f{n:031x}", 1_600_000_000_000 + n, status="FINISHED", end_time=1_650_000_000_000
            )
        )
        for n in range(99_000)
    )
    unobserved.close()

    # When the latest hundred are read
    spent = cost(search)

    # Then it is no more than among a thousand
    assert spent.total_requests <= 4
    assert spent.read_units <= 60
