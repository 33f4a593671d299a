"""Summaries follow the runs that have ended."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from dynamodbstore_events.keys import META, metric_sk, param_sk, tag_sk
from dynamodbstore_events.metric_values import encode_point
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.summary.projection import SummaryProjection, summary_key
from dynamodbstore_projections.summary.reader import describes, unpacked
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Put, Table, Update

from tests.projections.entities import changed, delete_entity, put_run, put_tag, run_entity
from tests.projections.interposed import Crash, InterposedTable

RUN = run_entity("r1")
KEY = summary_key("r1")


def summary_projector(table: Table, *, exclusive: bool = False) -> Projector:
    return Projector(table, [SummaryProjection()], Config, exclusive=exclusive)


def put_status(table: Table, status: str, end_time: int | None = None) -> None:
    """A run that is at work, or has ended at a time."""
    end = {} if end_time is None else {"end_time": end_time}
    removed = ("end_time",) if end_time is None else ()
    table.write(Update((RUN.pk, META), set={"status": status, **end}, remove=removed))


def put_ended_run(table: Table, **tags: str | None) -> None:
    put_run(table, "r1", "lion", **tags)
    put_status(table, "FINISHED", 5)


def summary_of(table: Table) -> dict[str, Any] | None:
    """What the summary holds; None if it is missing."""
    item = table.get(KEY)
    return None if item is None else json.loads(unpacked(item))


@pytest.fixture(params=[False, True], ids=["shared", "exclusive"])
def project(request: pytest.FixtureRequest, sqlite_table: SqliteTable) -> Callable[[], None]:
    """Projects run ``r1``, as the only writer and as one of many."""
    projector = summary_projector(sqlite_table, exclusive=request.param)

    def run() -> None:
        assert not projector.project_entities([RUN]).failed

    return run


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_gets_a_summary_when_it_ends(
    sqlite_table: SqliteTable, project: Callable[[], None], status: str
) -> None:
    put_run(sqlite_table, "r1", "lion", team="red")
    put_status(sqlite_table, "RUNNING")
    project()
    assert summary_of(sqlite_table) is None

    put_status(sqlite_table, status, 5)
    project()

    found = summary_of(sqlite_table)
    assert found is not None
    assert found["tags"] == {"mlflow.runName": "lion", "team": "red"}


@pytest.mark.parametrize("status", ["RUNNING", "SCHEDULED"])
def test_a_run_at_work_costs_a_read_and_no_write(sqlite_table: SqliteTable, status: str) -> None:
    put_run(sqlite_table, "r1", "lion")
    put_status(sqlite_table, status)
    counted = InterposedTable(sqlite_table, lambda _: None)
    metrics = [changed(RUN.pk, metric_sk(f"m{n}")) for n in range(100)]

    report = summary_projector(counted).project(metrics)

    assert (report.entities, report.writes, counted.requests) == (1, 0, 1)


def test_a_hundred_changes_after_the_end_are_one_write(sqlite_table: SqliteTable) -> None:
    put_ended_run(sqlite_table)
    for n in range(100):
        put_tag(sqlite_table, RUN.pk, f"t{n}", "x")

    report = summary_projector(sqlite_table).project(
        changed(RUN.pk, tag_sk(f"t{n}")) for n in range(100)
    )

    assert report.ops == 1
    found = summary_of(sqlite_table)
    assert found is not None
    assert len(found["tags"]) == 101


@pytest.mark.parametrize("sk", [META, tag_sk("t"), param_sk("p"), metric_sk("m"), "INPUT#d"])
def test_every_change_of_a_run_concerns_the_summary(sk: str) -> None:
    assert SummaryProjection().looks_at(changed(RUN.pk, sk), Config())
    assert not SummaryProjection().looks_at(changed("EXP#7", sk), Config())


def test_a_summary_concerns_no_projection() -> None:
    assert not SummaryProjection().looks_at(changed(*KEY), Config())


def test_a_change_after_the_end_is_in_the_summary(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_ended_run(sqlite_table, team="red", gone="x")
    project()

    put_tag(sqlite_table, RUN.pk, "team", "blue")
    metric = {"PK": RUN.pk, "SK": metric_sk("loss"), "last": encode_point(3, 7, 0.5)}
    sqlite_table.write(Delete((RUN.pk, tag_sk("gone"))), Put(metric))
    project()

    found = summary_of(sqlite_table)
    assert found is not None
    assert found["tags"] == {"mlflow.runName": "lion", "team": "blue"}
    assert found["metrics"] == [["loss", 0.5, 7, 3]]


def test_an_equal_summary_is_not_written_again(sqlite_table: SqliteTable) -> None:
    put_ended_run(sqlite_table)
    projector = summary_projector(sqlite_table)
    projector.project_entities([RUN])

    assert projector.project_entities([RUN]).writes == 0


def test_no_reader_takes_what_is_left_of_an_earlier_end_for_a_run_at_work(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_ended_run(sqlite_table)
    project()

    put_status(sqlite_table, "RUNNING")
    project()

    meta, left = sqlite_table.get((RUN.pk, META)), sqlite_table.get(KEY)
    assert meta is not None
    assert left is None or not describes(left, meta)


@pytest.mark.parametrize("ended_again", [True, False])
def test_a_run_that_has_gone_has_no_summary(
    sqlite_table: SqliteTable, project: Callable[[], None], ended_again: bool
) -> None:
    put_ended_run(sqlite_table)
    project()
    if not ended_again:
        put_status(sqlite_table, "RUNNING")

    delete_entity(sqlite_table, RUN.pk)
    project()

    assert summary_of(sqlite_table) is None


def test_a_run_that_grows_too_large_for_one_item_loses_its_summary(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_ended_run(sqlite_table)
    project()
    assert summary_of(sqlite_table) is not None

    noise = random.Random(1).randbytes(300_000).hex()
    put_tag(sqlite_table, RUN.pk, "noise", noise)
    put_tag(sqlite_table, RUN.pk, "more", noise[::-1])
    project()

    assert summary_of(sqlite_table) is None


def test_a_slow_projector_that_crashes_undoes_nothing_of_another(
    sqlite_table: SqliteTable,
) -> None:
    # Given: a change that another projector sees to, before each of the requests of a slow one
    # that ends before it looks again.
    for at in range(4):
        put_ended_run(sqlite_table, team="red")

        def change(number: int, at: int = at) -> None:
            if number == at:
                put_tag(sqlite_table, RUN.pk, "team", "blue")
                summary_projector(sqlite_table).project_entities([RUN])
            if number == 4:
                raise Crash

        with contextlib.suppress(Crash):
            summary_projector(InterposedTable(sqlite_table, change)).project_entities([RUN])

        found = summary_of(sqlite_table)
        assert found is not None
        assert found["tags"]["team"] == "blue", at
        delete_entity(sqlite_table, RUN.pk)
        summary_projector(sqlite_table).project_entities([RUN])
