"""The inline driver projects what its process writes, on a file alone, elsewhere beside others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_events.keys import META, metric_sk, tag_sk
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import DamagedItem, TableUnavailable
from dynamodbstore_table.port import Put, Table, Update

from tests.projections.entities import changed, put_run, put_tag, run_entity
from tests.projections.interposed import InterposedTable

RUN = run_entity("r1")
USER = "mlflow.user"
_REQUESTS = 8


def observe(table: Table, *events: ChangeEvent) -> Mapping[Entity, Exception]:
    """Tell a new observer of these changes, or that the run's tag has changed; what it reports as
    failed."""
    failed: dict[Entity, Exception] = {}
    observer = InlineObserver(inline_projections(), failed.update)
    observer(table, events or [changed(RUN.pk, META), changed(RUN.pk, tag_sk(USER))])
    return failed


def put_running_run(table: Table) -> None:
    put_run(table, "r1", "lion")
    table.write(Update((RUN.pk, META), set={"status": "RUNNING"}))


@pytest.mark.parametrize(
    "events",
    [
        [changed(RUN.pk, metric_sk("loss")), changed(RUN.pk, tag_sk(USER))],
        [changed(RUN.pk, tag_sk(USER)), changed("RUN#r2", META), changed(RUN.pk, metric_sk("l"))],
    ],
    ids=["one after the other", "with another run between"],
)
def test_inline_projects_each_change_of_a_call(
    sqlite_table: SqliteTable, events: list[ChangeEvent]
) -> None:
    # Given: a metric, which concerns summaries alone, and a tag
    put_running_run(sqlite_table)
    put_tag(sqlite_table, RUN.pk, USER, "ada")

    observe(sqlite_table, *events)

    meta = sqlite_table.get((RUN.pk, META))
    assert meta is not None
    assert meta[f"tag.{USER}"] == "ada"


def test_inline_looks_again_after_a_write_beside_others(sqlite_table: SqliteTable) -> None:
    # Given: a tag that another process changes back, which finds META as it should be, before each
    # of the requests of one that has read the tag as it was between.
    for at in range(_REQUESTS):
        put_running_run(sqlite_table)
        put_tag(sqlite_table, RUN.pk, USER, "ada")
        observe(sqlite_table)
        put_tag(sqlite_table, RUN.pk, USER, "bob")

        def change_back(number: int, at: int = at) -> None:
            if number == at:
                put_tag(sqlite_table, RUN.pk, USER, "ada")
                observe(sqlite_table)

        beside_others = InterposedTable(sqlite_table, change_back)
        assert not observe(beside_others)

        meta = sqlite_table.get((RUN.pk, META))
        assert meta is not None
        assert meta[f"tag.{USER}"] == ("ada" if beside_others.requests > at else "bob"), at


def test_inline_failure_is_reported_on_an_endpoint_as_the_write_is_done(
    sqlite_table: SqliteTable,
) -> None:
    sqlite_table.write(Put({"PK": RUN.pk, "SK": META}))

    failed = observe(InterposedTable(sqlite_table, lambda _: None))

    assert list(failed) == [RUN]


def test_unreadable_configuration_is_reported_on_an_endpoint(
    sqlite_table: SqliteTable,
) -> None:
    beside_others = InterposedTable(sqlite_table, lambda _: None)
    failed: dict[Entity, Exception] = {}
    observer = InlineObserver(inline_projections(), failed.update)
    observer.use_config(beside_others, _unreadable)

    observer(beside_others, [changed(RUN.pk, META), changed("CONFIG", "BUILT")])

    assert {entity: str(error) for entity, error in failed.items()} == {RUN: "no network"}


def test_unreadable_configuration_undoes_the_write_on_a_file(
    sqlite_table: SqliteTable,
) -> None:
    observer = InlineObserver(inline_projections(), lambda failed: None)
    observer.use_config(sqlite_table, _unreadable)

    with pytest.raises(TableUnavailable):
        observer(sqlite_table, [changed("CONFIG", "BUILT")])


def _unreadable() -> Config:
    raise TableUnavailable("no network")


def test_inline_failure_undoes_the_write_on_a_file(sqlite_table: SqliteTable) -> None:
    sqlite_table.write(Put({"PK": RUN.pk, "SK": META}))

    with pytest.raises(DamagedItem, match="experiment_id is missing"):
        observe(sqlite_table)
