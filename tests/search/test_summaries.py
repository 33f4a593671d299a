"""Ended runs come from their summaries, one item each; whatever these lack is read as it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.keys import META, model_input_sk, model_output_sk, run_pk
from dynamodbstore_projections.summary.projection import summary_key
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Put, Update
from mlflow.entities import Run, ViewType

from tests.differential.plain import plain
from tests.search.items import put_run, run_meta, run_puts
from tests.search.projected import SUMMARY, projected_table
from tests.search.test_run_search import MOST, Searching


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Searching]:
    table = projected_table(tmp_path / "table.ddb")
    yield Searching(table)
    table.close()


def add_run(search: Searching, number: int, status: str = "FINISHED") -> None:
    ended: dict[str, Any] = {} if status == "RUNNING" else {"end_time": number + 5}
    meta = run_meta(f"r{number:04d}", number, status=status, **ended)
    put_run(search.table, meta, params={"p": str(number)}, metrics={"m": float(number)})


def found(search: Searching) -> dict[str, Run]:
    return {run.info.run_id: run for run in search(view=ViewType.ALL)[0]}


def test_a_page_of_ended_runs_is_one_batch(search: Searching) -> None:
    for number in range(30):
        add_run(search, number)
    search.built(SUMMARY)

    runs, _ = search(limit=20)

    assert [run.data.params["p"] for run in runs] == [str(n) for n in range(29, 9, -1)]
    assert search.meter.take().requests == {"GetItem": 1, "Query": 1, "BatchGetItem": 1}


@pytest.mark.slow
@pytest.mark.parametrize("runs", [1_000, 100_000])
def test_a_page_of_ended_runs_costs_the_same_in_any_experiment(tmp_path: Path, runs: int) -> None:
    # given runs of which those on the page have their projections
    bare = SqliteTable(tmp_path / "table.ddb", durability="process")
    bare.create()
    bare.bulk(put for n in range(runs - 100) for put in ended_run(n))
    bare.close()
    table = projected_table(tmp_path / "table.ddb")
    table.bulk(put for n in range(runs - 100, runs) for put in ended_run(n))
    search = Searching(table)
    search.built(SUMMARY)

    found, token = search(limit=100)

    usage = search.meter.take()
    table.close()
    assert [run.info.run_id for run in found] == [f"r{runs - n:06d}" for n in range(1, 101)]
    assert token is not None
    # The configuration is one request more, twice a minute.
    assert usage.total_requests + 1 <= 4
    assert usage.read_units + 1 <= 60


def ended_run(number: int) -> Iterator[Put]:
    return run_puts(
        run_meta(f"r{number:06d}", number, status="FINISHED", end_time=number + 5),
        params={"depth": "5", "rate": "0.01", "model": "forest"},
        tags={"mlflow.runName": f"train run {number}", "mlflow.user": "ada", "team": "red"},
        metrics={"loss": 0.5, "accuracy": 0.9, "f1": 0.8},
    )


def test_running_runs_are_read_from_their_items_in_their_places(search: Searching) -> None:
    statuses = ["FINISHED", "RUNNING", "FAILED", "SCHEDULED", "KILLED"]
    for number, status in enumerate(statuses):
        add_run(search, number, status)
    search.built(SUMMARY)

    runs, _ = search()

    assert [(run.info.status, run.data.metrics["m"]) for run in runs] == [
        ("KILLED", 4.0),
        ("SCHEDULED", 3.0),
        ("FAILED", 2.0),
        ("RUNNING", 1.0),
        ("FINISHED", 0.0),
    ]
    assert search.meter.take().requests == {"GetItem": 1, "Query": 1 + 2, "BatchGetItem": 1}


def test_summaries_are_not_read_before_they_are_built(search: Searching) -> None:
    add_run(search, 1)

    assert search.ids() == ["r0001"]

    assert search.meter.take().requests == {"GetItem": 1, "Query": 1 + 1}


def test_a_missing_summary_is_no_missing_run(search: Searching) -> None:
    for number in range(3):
        add_run(search, number)
    search.table.write(Delete(summary_key("r0001")))
    search.built(SUMMARY)

    runs, _ = search()

    assert [run.data.params["p"] for run in runs] == ["2", "1", "0"]


@pytest.mark.parametrize("outdated", [{"status": "FAILED"}, {"end_time": 4711}])
def test_a_summary_of_an_earlier_end_is_not_believed(
    search: Searching, outdated: dict[str, object]
) -> None:
    add_run(search, 1)
    stored = {**outdated, "json": '{"params":{"p":"old"},"tags":{},"metrics":[],"edges":[]}'}
    search.table.write(Update(summary_key("r0001"), set=stored))
    search.built(SUMMARY)

    (run,), _ = search()

    assert run.data.params == {"p": "1"}


def test_a_run_too_large_for_a_summary_is_read_whole(search: Searching) -> None:
    meta = run_meta("large", status="FINISHED", end_time=1)
    put_run(search.table, meta, params={"p": MOST, "q": "x"})
    search.built(SUMMARY)

    (run,), _ = search()

    assert search.table.get(summary_key("large")) is None
    assert run.data.params == {"p": MOST, "q": "x"}


def test_a_summary_holds_all_that_the_items_hold(search: Searching) -> None:
    meta = run_meta("odd", 3, status="KILLED", name="")
    put_run(
        search.table,
        meta,
        params={"p": "1", "a/#%b": "", "null": None},
        tags={"t": "é\n😀", "mlflow.runName": "named by its tag", "null": None},
        metrics={"m": -2.5, "é" * 500: 1.7976931348623157e308, "nan": 0.0},
        datasets={"wine": "train", "cars": "eval"},
    )
    pk = run_pk("odd")
    search.table.write(
        Update((pk, "METRIC#nan"), set={"nan": True}),
        Put({"PK": pk, "SK": model_output_sk("m-1"), "model_id": "m-1", "step": 3}),
        Put({"PK": pk, "SK": model_input_sk("m-2"), "model_id": "m-2"}),
    )
    from_items = found(search)
    search.built(SUMMARY)

    from_summaries = found(search)

    assert "BatchGetItem" in search.meter.take().requests
    assert plain(from_summaries) == plain(from_items)
    assert math.isnan(from_summaries["odd"].data.metrics["nan"])


def test_stages_and_attributes_are_those_of_the_listing(search: Searching) -> None:
    add_run(search, 1)
    search.table.write(Update((run_pk("r0001"), META), set={"stage": "deleted", "name": "new"}))
    search.built(SUMMARY)

    assert search.ids() == []
    (run,), _ = search(view=ViewType.DELETED_ONLY)

    assert (run.info.lifecycle_stage, run.info.run_name) == ("deleted", "new")
