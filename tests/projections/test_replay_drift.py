"""Drift of every kind: found by a comparison, which writes nothing, and healed by a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dynamodbstore_events.keys import META, posting_pk
from dynamodbstore_projections.drivers.replay import compare
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Put, Update

from tests.projections.aging import RETENTION_DAYS, keep_for
from tests.projections.replays import (
    bare_table,
    contents,
    drift_of,
    replayed,
    run_named,
    scope_of,
    store_on,
)


class Broken:
    """A table whose projections are right but for what a test does to them by hand."""

    def __init__(self, table: SqliteTable) -> None:
        self.table = table
        store = store_on(table)
        keep_for(table, RETENTION_DAYS)
        self.run = run_named(store, "lion king", ended=True)
        self.deleted = run_named(store, "tiger")
        store.delete_run(self.deleted)
        replayed(table)

    @property
    def meta(self) -> tuple[str, str]:
        return f"RUN#{self.run}", META

    def posting(self, trigram: str) -> tuple[str, str]:
        return posting_pk("0", "RUN", "name", trigram), self.run


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Broken]:
    table = bare_table(tmp_path / "table.ddb")
    yield Broken(table)
    table.close()


def lose_tag(b: Broken) -> None:
    b.table.write(Update(b.meta, remove=("tag.mlflow.runName",)))


def change_tag(b: Broken) -> None:
    b.table.write(Update(b.meta, set={"tag.mlflow.runName": "tiger"}))


def invent_tag(b: Broken) -> None:
    b.table.write(Update(b.meta, set={"tag.team": "red"}))


def lose_mark(b: Broken) -> None:
    b.table.write(Delete((f"FTSMARK#RUN#{b.run}", "name")))


def lose_posting(b: Broken) -> None:
    b.table.write(Delete(b.posting("ion")))


def invent_posting(b: Broken) -> None:
    pk, sk = b.posting("xyz")
    b.table.write(Put({"PK": pk, "SK": sk}))


def keep_posting_of_nobody(b: Broken) -> None:
    b.table.write(Put({"PK": posting_pk("0", "RUN", "name", "xyz"), "SK": "nobody"}))


def rename_unseen(b: Broken) -> None:
    b.table.write(Update((f"RUN#{b.run}", "TAG#mlflow.runName"), set={"v": "lion kings"}))


def lose_run(b: Broken) -> None:
    for item in list(b.table.query_all(f"RUN#{b.run}")):
        b.table.write(Delete((item["PK"], item["SK"])))


def lose_summary(b: Broken) -> None:
    b.table.write(Delete((f"SUMMARY#{b.run}", "SUMMARY")))


def change_summary(b: Broken) -> None:
    b.table.write(Update((f"SUMMARY#{b.run}", "SUMMARY"), set={"end_time": 7}))


def lose_stamp(b: Broken) -> None:
    b.table.write(Update((f"RUN#{b.deleted}", META), remove=("ttl", "expires")))


def invent_stamp(b: Broken) -> None:
    b.table.write(Update(b.meta, set={"ttl": 10**10, "expires": 10**10}))


def change_stamp(b: Broken) -> None:
    b.table.write(Update((f"RUN#{b.deleted}", META), set={"ttl": 10**10, "expires": 10**10}))


INJECTED: list[tuple[Callable[[Broken], None], str, str, int]] = [
    (lose_tag, "tags", "missing", 1),
    (change_tag, "tags", "wrong", 1),
    (invent_tag, "tags", "stale", 1),
    (lose_mark, "fts", "missing", 1),
    (lose_posting, "fts", "missing", 1),
    (invent_posting, "fts", "stale", 1),
    (keep_posting_of_nobody, "fts", "stale", 1),
    (rename_unseen, "fts", "missing", 1),  # the trigram "ngs"; the mark is wrong
    (lose_run, "fts", "stale", 8),  # seven trigrams and their mark
    (lose_run, "summary", "stale", 1),
    (lose_summary, "summary", "missing", 1),
    (change_summary, "summary", "wrong", 1),
    (lose_stamp, "ttl", "missing", 2),
    (invent_stamp, "ttl", "stale", 2),
    (change_stamp, "ttl", "wrong", 2),
]


@pytest.mark.parametrize(
    ("inject", "projection", "kind", "count"),
    INJECTED,
    ids=[f"{i[0].__name__}-{i[1]}" for i in INJECTED],
)
def test_injected_drift_is_found_and_healed(
    broken: Broken, inject: Callable[[Broken], None], projection: str, kind: str, count: int
) -> None:
    right = contents(broken.table)
    inject(broken)
    wrong = contents(broken.table)

    drift = drift_of(broken.table)

    assert drift.counts[projection, kind] == count, drift.counts  # type: ignore[index]
    assert contents(broken.table) == wrong
    replayed(broken.table)
    assert not drift_of(broken.table).total
    if inject not in (rename_unseen, lose_run):
        assert contents(broken.table) == right


def test_no_drift_is_found_where_all_is_right(broken: Broken) -> None:
    assert drift_of(broken.table).total == 0


def test_only_the_named_projections_are_compared_and_healed(broken: Broken) -> None:
    lose_tag(broken)
    lose_summary(broken)

    drift = drift_of(broken.table, "tags")
    replayed(broken.table, None, "tags")

    assert {projection for projection, _ in drift.counts} == {"tags"}
    assert set(drift_of(broken.table).counts) == {("summary", "missing")}


def test_examples_are_keys_that_can_be_looked_up(broken: Broken) -> None:
    lose_summary(broken)
    invent_tag(broken)

    drift = drift_of(broken.table)

    assert drift.examples["summary", "missing"] == [f"SUMMARY#{broken.run} SUMMARY"]
    assert drift.examples["tags", "stale"] == [f"RUN#{broken.run} META tag.team"]


def test_changes_still_in_the_stream_are_no_drift(broken: Broken) -> None:
    lose_summary(broken)

    drift, _ = compare(scope_of(broken.table), wait=lambda _: (replayed(broken.table), None)[1])

    assert drift.total == 0


def test_an_entity_that_no_projection_can_read_is_no_drift_but_named(broken: Broken) -> None:
    broken.table.write(Put({"PK": "RUN#poison", "SK": META}))

    drift = drift_of(broken.table, "summary")

    # No replay heals it.
    assert not drift.total
    (fault,) = drift.passed_over.damaged.items()
    assert fault == (("RUN#poison", META), "experiment_id is missing")


def test_a_posting_is_left_alone_if_its_mark_changes_meanwhile(broken: Broken) -> None:
    """Given a stray posting, when its entity comes to have that very trigram before the stray is
    removed, then it stays."""
    from dynamodbstore_projections.fts import posting_sweep

    key = broken.posting("xyz")
    invent_posting(broken)
    posting = posting_sweep.posting_of(key)
    assert posting is not None
    marks = posting_sweep.read_marks(broken.table, [posting.field])
    broken.table.write(Update((f"RUN#{broken.run}", "TAG#mlflow.runName"), set={"v": "xyz"}))
    replayed(broken.table)

    removed = posting_sweep.remove(broken.table, [posting], marks)

    assert removed == 0
    assert key in contents(broken.table)
