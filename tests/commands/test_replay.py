"""``mlflow-dynamodbstore replay``: what it does, says, and ends with."""

from __future__ import annotations

import io
import re
import sys
import time
from pathlib import Path

import pytest
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.built import BUILT_KEY
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Put, Update
from mlflow_dynamodbstore.cli import main
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, FAILED, USAGE, run, run_json
from tests.commands.conftest import Waits
from tests.projections.aging import RETENTION_DAYS, keep_for
from tests.projections.entities import everything
from tests.projections.exports import TABLE_ARN, export
from tests.projections.replays import contents, drift_of, fill, run_named, store_on
from tests.projections.test_replay import fail_on

Named = tuple[str, str]
MARKS = ["fts:name", "summary", "tags:mlflow.*"]


class TestRebuilding:
    def test_says_what_it_has_done(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_named(store, "lion", ended=True)

        done = run("replay", *named)

        assert done.exit_code == DONE
        assert "2 entities projected" in done.output
        assert "built: fts:name, summary, tags:mlflow.*" in done.output
        assert not drift_of(table).total

    def test_says_it_to_machines_too(self, store: DynamoTrackingStore, named: Named) -> None:
        run_named(store, "lion")

        said = run_json("replay", *named)

        assert said["entities"] == 2
        assert said["built"] == MARKS
        assert said["failed"] == {}

    def test_of_one_projection_leaves_the_others(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_named(store, "lion", ended=True)

        said = run_json("replay", "--projection", "summary", "--projection", "tags", *named)

        assert said["built"] == ["summary", "tags:mlflow.*"]
        assert {projection for projection, _ in drift_of(table).counts} == {"fts"}

    def test_from_an_export_says_what_it_is_too_old_to_mark(
        self, dynoxide_table: DynamoDBTable, named_on_server: Named, tmp_path: Path, waits: Waits
    ) -> None:
        run_named(store_on(dynoxide_table), "lion", ended=True)
        facts = dynoxide_table.facts()
        old_ms = int(time.time() * 1000) - 60_000
        items = everything(dynoxide_table, "").values()
        folder = export(tmp_path / "export", items, old_ms, 3, str(facts.arn), str(facts.table_id))

        done = run("replay", "--from-export", folder, *named_on_server)

        assert done.exit_code == DONE
        assert "not marked as built: fts:name" in done.output
        assert not drift_of(dynoxide_table).total

    def test_from_another_tables_export_is_refused_and_marks_nothing(
        self, dynoxide_table: DynamoDBTable, named_on_server: Named, tmp_path: Path
    ) -> None:
        run_named(store_on(dynoxide_table), "lion", ended=True)
        folder = export(tmp_path / "export", [], int(time.time() * 1000) + 60_000)

        done = run("replay", "--from-export", folder, *named_on_server)

        assert done.exit_code == FAILED
        assert f"is of the table {TABLE_ARN}, and not of arn:" in done.stderr
        assert dynoxide_table.get(BUILT_KEY) is None

    def test_of_an_entity_that_fails_names_it_and_ends_with_1(
        self, store: DynamoTrackingStore, named: Named, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = run_named(store, "lion")
        fail_on(monkeypatch, run_id)

        done = run("replay", *named)

        assert done.exit_code == FAILED
        assert f"Error: RUN#{run_id} could not be projected" in done.stderr
        assert "Traceback" not in done.output

    def test_goes_on_from_a_checkpoint(
        self,
        store: DynamoTrackingStore,
        table: SqliteTable,
        named: Named,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # given a replay that has read everything, and failed with one run
        run_id = run_named(store, "lion", ended=True)
        options = *named, "--checkpoint", tmp_path / "replay.json"
        with monkeypatch.context() as failing:
            fail_on(failing, run_id)
            assert run("replay", *options).exit_code == FAILED

        again = run("replay", *options)

        assert again.exit_code == DONE
        assert "0 items read from the checkpoint on, 1 entities projected" in again.output
        assert "built: fts:name, summary, tags:mlflow.*" in again.output
        assert not list(tmp_path.glob("replay.json*"))
        assert not drift_of(table).total

    def test_on_a_server(
        self,
        store: DynamoTrackingStore,
        table: SqliteTable,
        dynoxide_table: DynamoDBTable,
        dynoxide_endpoint: str,
    ) -> None:
        run_named(store, "lion", ended=True)
        fill(dynoxide_table, everything(table, "").values())
        named = "--table", dynoxide_table.name, "--endpoint-url", dynoxide_endpoint

        assert run_json("replay", *named, "--segments", "2")["built"] == MARKS
        assert run("replay", *named, "--verify").exit_code == DONE

    def test_removes_what_has_expired_with_all_that_projections_kept_of_it(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        keep_for(table, RETENTION_DAYS)
        run_id = run_named(store, "lion", ended=True)
        store.delete_run(run_id)
        run("replay", *named)
        past = int(time.time()) - 10_000
        table.write(Update((f"RUN#{run_id}", "META"), set={"ttl": past, "expires": past}))
        due = {"expires": past, "gsi2sk": f"{past * 1000:020d}#RUN#{run_id}"}
        table.write(Update((f"EXPIRED#RUN#{run_id}", "META"), set=due))

        run("replay", *named)

        left = [key for key in contents(table) if run_id in key[0] + key[1]]
        assert left == [(f"EXPIRED#RUN#{run_id}", "META")]


class Terminal(io.StringIO):
    """Text that goes to a terminal."""

    def isatty(self) -> bool:
        return True


class TestOnATerminal:
    @pytest.mark.parametrize(("options", "shown"), [((), True), (("--json",), False)])
    def test_a_progress_bar_counts_items(
        self,
        store: DynamoTrackingStore,
        named: Named,
        monkeypatch: pytest.MonkeyPatch,
        options: tuple[str, ...],
        shown: bool,
    ) -> None:
        run_named(store, "lion")
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")

        main.main(["replay", *named, *options], standalone_mode=False)

        assert bool(re.search(r"items .*\d+/\d+", terminal.getvalue())) == shown


class TestVerifying:
    def test_ends_with_1_and_shows_what_has_drifted(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = run_named(store, "lion", ended=True)
        run("replay", *named)
        table.write(Delete((f"SUMMARY#{run_id}", "SUMMARY")))
        before = contents(table)

        found = run("replay", "--verify", *named)

        assert found.exit_code == FAILED
        assert f"summary, missing: SUMMARY#{run_id} SUMMARY" in found.output
        assert "1 differences" in found.output
        assert contents(table) == before

    def test_ends_with_0_where_nothing_has(self, store: DynamoTrackingStore, named: Named) -> None:
        run_named(store, "lion")
        run("replay", *named)

        found = run("replay", "--verify", *named)

        assert found.exit_code == DONE
        assert "no drift" in found.output

    def test_shows_as_many_examples_as_asked_for_to_machines(
        self, store: DynamoTrackingStore, named: Named
    ) -> None:
        for number in range(4):
            run_named(store, f"lion {number}", ended=True)

        found = run_json("replay", "--verify", "--examples", "2", *named)

        assert found["summary"]["missing"]["count"] == 4
        assert len(found["summary"]["missing"]["examples"]) == 2
        assert found["drift"] > 4


class TestDryRuns:
    def test_say_what_would_be_written_and_write_nothing(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = run_named(store, "lion", ended=True)
        before = everything(table, "")

        said = run("replay", "--dry-run", *named)

        assert said.exit_code == DONE
        assert f"summary, to add: SUMMARY#{run_id} SUMMARY" in said.output
        assert "none was" in said.output
        assert everything(table, "") == before


class TestMistakes:
    @pytest.mark.parametrize(
        "options",
        [
            ("--dry-run", "--verify"),
            ("--verify", "--checkpoint", "file.json"),
            ("--projection", "everything"),
            ("--segments", "0"),
            ("--from-export", "no/such/directory"),
        ],
    )
    def test_in_usage_end_with_2(self, named: Named, options: tuple[str, ...]) -> None:
        assert run("replay", *named, *options).exit_code == USAGE

    def test_in_the_export_are_one_line(self, named: Named, tmp_path: Path) -> None:
        done = run("replay", *named, "--from-export", tmp_path)

        assert done.exit_code == FAILED
        assert done.stderr.startswith("Error: can't read")
        assert len(done.stderr.splitlines()) == 1

    def test_in_the_engine_are_one_line(self, named: Named, tmp_path: Path) -> None:
        folder = export(tmp_path / "export", [], int(time.time() * 1000))

        done = run("replay", *named, "--from-export", folder)

        assert done.exit_code == FAILED
        assert done.stderr.startswith("Error: an embedded file has no exports")

    def test_in_the_checkpoint_are_one_line(self, named: Named, tmp_path: Path) -> None:
        file = tmp_path / "replay.json"
        file.write_text("nonsense")

        done = run("replay", *named, "--checkpoint", file)

        assert done.exit_code == FAILED
        assert done.stderr == f"Error: {file} is not a checkpoint of a replay\n"

    def test_in_the_table_are_one_line(self, tmp_path: Path) -> None:
        done = run("replay", "--store-uri", f"dynamodb:///{tmp_path}/none.ddb")

        assert done.exit_code == FAILED
        assert done.stderr.startswith("Error: The store's table is missing")
        assert not (tmp_path / "none.ddb").exists()

    def test_in_the_configuration_are_one_line(self, table: SqliteTable, named: Named) -> None:
        table.write(Put({"PK": "CONFIG", "SK": "DENORMALIZE_TAGS", "patterns": "team"}))

        done = run("replay", *named)

        assert done.exit_code == FAILED
        assert "CONFIG/DENORMALIZE_TAGS is wrong" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_every_inline_projection_can_be_named(named: Named) -> None:
    shown = run("replay", "--help").output

    assert all(projection.name in shown for projection in inline_projections())
