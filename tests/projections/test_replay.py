"""Replay: projections rebuilt from the canonical items, beside traffic, and after a crash."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_projections.built import withdraw
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.drivers.checkpoint import InvalidCheckpoint
from dynamodbstore_projections.drivers.replay import rebuild
from dynamodbstore_projections.drivers.sources import TableScan
from dynamodbstore_projections.projection import Writes
from dynamodbstore_projections.summary.projection import SummaryProjection
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableUnavailable
from dynamodbstore_table.port import Op, Put
from mlflow.entities import ExperimentTag, Metric, RunStatus, RunTag
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.projections.aging import keep_for
from tests.projections.replays import (
    SmallPages,
    bare_table,
    contents,
    drift_of,
    fill,
    inline_table,
    replayed,
    run_named,
    scope_of,
    store_on,
    without_projections,
)

EVERY_MARK = {"summary", "fts:name", "tags:mlflow.*"}


def fail_on(monkeypatch: pytest.MonkeyPatch, run_id: str) -> None:
    """Let the summary of one run fail for a reason that is not in its items."""
    real = SummaryProjection.writes

    def writes(self: SummaryProjection, entity: Entity, *more: Any) -> Writes:
        if entity.id == run_id:
            raise RuntimeError("a mistake in the code")
        return real(self, entity, *more)

    monkeypatch.setattr(SummaryProjection, "writes", writes)


class Stopped(Exception):
    """The replay was interrupted."""


@pytest.fixture
def inline(tmp_path: Path) -> Iterator[SqliteTable]:
    table = inline_table(tmp_path / "inline.ddb")
    yield table
    table.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[SqliteTable]:
    table = bare_table(tmp_path / "bare.ddb")
    yield table
    table.close()


def eventful_life(store: DynamoTrackingStore) -> None:
    """A bit of everything that projections keep something of."""
    other = store.create_experiment("Löwen und Tiger", None, [ExperimentTag("mlflow.note", "x")])
    store.rename_experiment(other, "Lions and tigers")
    first = run_named(store, "lion king", ended=True, team="red")
    store.log_metric(first, Metric("loss", 0.5, 1, 0))
    second = run_named(store, "tiger lily")
    store.set_tag(second, RunTag("mlflow.runName", "panther"))
    store.set_tag(second, RunTag("mlflow.source.name", "x" * 300))
    third = run_named(store, "lion cub", ended=True)
    store.delete_run(third)
    fourth = run_named(store, "lynx", ended=True)
    store.delete_run(fourth)
    store.restore_run(fourth)
    gone = store.create_experiment("zebra")
    store.delete_experiment(gone)
    store.create_logged_model("0", "model")


class TestRebuilding:
    def test_rebuild_from_nothing_equals_inline_projections(
        self, inline: SqliteTable, bare: SqliteTable
    ) -> None:
        eventful_life(store_on(inline))
        fill(bare, without_projections(inline))
        assert contents(bare) != contents(inline)

        replayed(bare)

        assert contents(bare) == contents(inline)

    def test_rebuild_again_writes_nothing(self, bare: SqliteTable) -> None:
        eventful_life(store_on(bare))
        replayed(bare)
        before = contents(bare)

        again = replayed(bare)

        assert again.done.ops == 0
        assert contents(bare) == before

    def test_rebuild_in_parallel_segments(self, inline: SqliteTable, bare: SqliteTable) -> None:
        eventful_life(store_on(inline))
        fill(bare, without_projections(inline))

        rebuild(scope_of(bare, workers=3))

        assert contents(bare) == contents(inline)

    def test_rebuild_on_a_server(self, inline: SqliteTable, dynoxide_table: DynamoDBTable) -> None:
        # A file's own default would keep for ever what is deleted.
        keep_for(inline, 90)
        eventful_life(store_on(inline))
        fill(dynoxide_table, without_projections(inline))

        rebuild(scope_of(dynoxide_table, workers=2))

        assert contents(dynoxide_table) == contents(inline)
        assert not drift_of(dynoxide_table).total

    def test_an_entity_is_projected_once_however_many_items_and_pages_it_has(
        self, bare: SqliteTable
    ) -> None:
        store = store_on(bare)
        run = run_named(store, "lion")
        store.log_batch(run, [Metric(f"m{n}", 1.0, 1, 0) for n in range(40)], [], [])

        result = replayed(bare, SmallPages(bare))

        assert result.items > 40
        assert result.done.entities == 2  # the run, and its experiment

    def test_an_entity_that_fails_is_named_and_hinders_no_other(
        self, bare: SqliteTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = store_on(bare)
        run, poison = run_named(store, "lion", ended=True), run_named(store, "owl")
        fail_on(monkeypatch, poison)

        result = replayed(bare)

        assert list(result.done.failed) == [f"RUN#{poison}"]
        assert "RuntimeError" in result.done.failed[f"RUN#{poison}"]
        assert (f"SUMMARY#{run}", "SUMMARY") in contents(bare)
        assert not ConfigSource(bare).read().built

    def test_a_damaged_entity_is_passed_over_and_named(self, bare: SqliteTable) -> None:
        run = run_named(store_on(bare), "lion", ended=True)
        bare.write(Put({"PK": "RUN#poison", "SK": "META"}))

        result = replayed(bare)

        assert result.done.failed == {}
        assert list(result.passed_over.damaged) == [("RUN#poison", "META")]
        assert (f"SUMMARY#{run}", "SUMMARY") in contents(bare)
        assert result.built == EVERY_MARK

    def test_rebuild_ends_at_once_where_the_table_refuses_every_write(
        self, bare: SqliteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = store_on(bare)
        for number in range(10):
            run_named(store, f"lion {number}")
        write, file = bare.write, tmp_path / "replay.json"

        def refusing(*ops: Op) -> list[ChangeEvent]:
            if ops[0].key[0].startswith("FTSMARK#RUN#"):
                raise TableUnavailable("access denied")
            return write(*ops)

        monkeypatch.setattr(bare, "write", refusing)
        with pytest.raises(TableUnavailable, match="access denied"):
            replayed(bare, SmallPages(bare, size=2), checkpoint_path=file)
        monkeypatch.undo()

        assert replayed(bare, SmallPages(bare, size=2), checkpoint_path=file).resumed
        assert not drift_of(bare).total


class TestTraffic:
    def test_writes_during_a_rebuild_lose_nothing(self, tmp_path: Path) -> None:
        """Given many runs without projections and a server that renames, makes, ends and deletes
        runs, when everything is rebuilt meanwhile, then nothing has drifted."""
        path = tmp_path / "busy.ddb"
        bare = bare_table(path)
        runs = [run_named(store_on(bare), f"lion {n}", ended=n % 2 == 0) for n in range(60)]
        busy = inline_table(path)
        store = store_on(busy)
        stop = threading.Event()
        written = threading.Event()
        random_one = random.Random(7)

        def write() -> None:
            for count in range(10_000):
                if stop.is_set():
                    return
                run = random_one.choice(runs)
                store.set_tag(run, RunTag("mlflow.runName", f"tiger {count}"))
                new = run_named(store, f"lynx {count}")
                if count % 2:
                    store.delete_run(new)
                store.update_run_info(run, RunStatus.FINISHED, count, None)
                if count == 10:
                    written.set()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert written.wait(20)
            result = rebuild(scope_of(bare, SmallPages(bare), workers=2))
        finally:
            stop.set()
            writer.join()

        drift = drift_of(bare)
        busy.close()
        bare.close()
        assert not result.done.failed
        assert not drift.total, drift.examples

    def test_no_search_misses_a_run_while_its_postings_are_rebuilt(self, bare: SqliteTable) -> None:
        store = store_on(bare)
        runs = {run_named(store, f"lion {n}") for n in range(12)}
        replayed(bare)
        answers: list[set[str]] = []

        def search(_: int) -> None:
            found = store.search_runs(["0"], "tags.mlflow.runName LIKE '%lion%'", 1, 100)
            answers.append({run.info.run_id for run in found})

        replayed(bare, SmallPages(bare, search))

        assert len(answers) > 10
        assert all(answer == runs for answer in answers)


class TestCheckpoints:
    def test_checkpoint_goes_on_behind_the_last_page_after_a_crash(
        self, bare: SqliteTable, tmp_path: Path
    ) -> None:
        store = store_on(bare)
        for number in range(10):
            run_named(store, f"lion {number}", ended=True)
        file = tmp_path / "replay.json"

        def stop_late(at: int) -> None:
            if at == 20:
                raise Stopped

        with pytest.raises(Stopped):
            replayed(bare, SmallPages(bare, stop_late), checkpoint_path=file)
        read: list[int] = []
        items = len(contents(bare))
        result = replayed(bare, SmallPages(bare, read.append), checkpoint_path=file)

        assert result.resumed
        assert result.items <= items
        assert read[0] > 0
        assert not drift_of(bare).total
        assert result.built == EVERY_MARK

    def test_checkpoint_is_gone_when_the_replay_is_complete(
        self, bare: SqliteTable, tmp_path: Path
    ) -> None:
        run_named(store_on(bare), "lion")

        replayed(bare, checkpoint_path=tmp_path / "replay.json")

        assert not list(tmp_path.glob("replay.json*"))

    def test_checkpoint_remembers_entities_that_failed(
        self, bare: SqliteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = run_named(store_on(bare), "lion", ended=True)
        file = tmp_path / "replay.json"
        with monkeypatch.context() as failing:
            fail_on(failing, run_id)
            failed = replayed(bare, checkpoint_path=file)

        again = replayed(bare, checkpoint_path=file)

        assert list(failed.done.failed) == [f"RUN#{run_id}"]
        assert again.items == 0
        assert again.built == EVERY_MARK
        assert not drift_of(bare).total

    def test_checkpoint_of_another_replay_is_refused_by_what_differs(
        self, bare: SqliteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fail_on(monkeypatch, run_named(store_on(bare), "lion"))
        file = tmp_path / "replay.json"
        replayed(bare, checkpoint_path=file)

        with pytest.raises(InvalidCheckpoint, match="segments: 1, now 2"):
            replayed(bare, TableScan(bare, 2), checkpoint_path=file)
        with pytest.raises(InvalidCheckpoint, match="projections"):
            replayed(bare, None, "fts", checkpoint_path=file)

    def test_checkpoint_from_before_a_mark_was_withdrawn_is_refused(
        self, bare: SqliteTable, tmp_path: Path
    ) -> None:
        # Between the two nobody kept the pattern, in the parts that were done before.
        store = store_on(bare)
        run_named(store, "lion", team="blue")
        file = tmp_path / "replay.json"
        pattern = {"PK": "CONFIG", "SK": "DENORMALIZE_TAGS", "patterns": ["team"]}
        bare.write(Put(pattern))

        def stop_late(at: int) -> None:
            if at == 5:
                raise Stopped

        with pytest.raises(Stopped):
            replayed(bare, SmallPages(bare, stop_late), checkpoint_path=file)
        withdraw(bare, ["tags:team"])
        run_named(store, "lynx", team="blue")
        time.sleep(0.002)

        with pytest.raises(InvalidCheckpoint, match="before tags:team was taken away and named"):
            replayed(bare, SmallPages(bare), checkpoint_path=file)
        assert "tags:team" not in ConfigSource(bare).read().built

    def test_checkpoint_of_an_earlier_table_of_the_same_name_is_refused(
        self, bare: SqliteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fail_on(monkeypatch, run_named(store_on(bare), "lion"))
        file = tmp_path / "replay.json"
        rebuild(replace(scope_of(bare), table_id="1"), checkpoint_path=file)

        with pytest.raises(InvalidCheckpoint, match="table_id: 1, now 2"):
            rebuild(replace(scope_of(bare), table_id="2"), checkpoint_path=file)

    def test_checkpoint_is_refused_if_the_file_is_not_one(
        self, bare: SqliteTable, tmp_path: Path
    ) -> None:
        store_on(bare)
        file = tmp_path / "replay.json"
        file.write_text("{}")

        with pytest.raises(InvalidCheckpoint, match="is not a checkpoint"):
            replayed(bare, checkpoint_path=file)
