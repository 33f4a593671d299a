"""``mlflow-dynamodbstore fts-trigrams``: what it shows, changes, refuses, and builds."""

from __future__ import annotations

import pytest
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.built import announce
from dynamodbstore_projections.config import Config, ConfigSource
from dynamodbstore_projections.drivers.replay import SETTLE_SECONDS
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table
from mlflow_dynamodbstore.commands import waiting
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, FAILED, USAGE, Named, rows, run, run_json
from tests.commands.conftest import Waits
from tests.config.items import (
    BUILT,
    FTS_TRIGRAM_FIELDS,
    TTL_POLICY,
    built_marks,
    item,
    write_item,
)
from tests.projections.replays import run_named

VARIABLE = "MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS"

pytestmark = pytest.mark.usefixtures("waits")


def described(store: DynamoTrackingStore, text: str) -> str:
    return run_named(store, "lion", **{"mlflow.note.content": text})


def has_postings(table: Table, run_id: str) -> bool:
    """Whether the run's description has postings."""
    return table.get((f"FTSMARK#RUN#{run_id}", "description")) is not None


class TestShow:
    def test_of_a_new_table_are_names_alone(self, table: SqliteTable, named: Named) -> None:
        lines = rows(run("fts-trigrams", "show", *named).output)

        assert run_json("fts-trigrams", "show", *named)["fields"] == []
        for name in ("experiment_name", "run_name", "model_name"):
            assert f"{name} always when a replay has built them" in lines
        assert "description no no" in lines

    def test_says_what_searches_use(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run("fts-trigrams", "set", *named, "--field", "description", "--replay")

        said = run_json("fts-trigrams", "show", *named)
        lines = rows(run("fts-trigrams", "show", *named).output)

        assert (said["fields"], said["built"]) == (["description"], ["name", "description"])
        assert "description yes yes" in lines


class TestSet:
    def test_writes_the_item_as_documented(self, table: SqliteTable, named: Named) -> None:
        done = run("fts-trigrams", "set", *named, "--field", "description")

        assert done.exit_code == DONE
        assert item(table, FTS_TRIGRAM_FIELDS) == {
            "PK": CONFIG,
            "SK": FTS_TRIGRAM_FIELDS,
            "fields": ["description"],
        }
        assert "added: description" in done.output
        assert done.output.rstrip().endswith("--projection fts")

    @pytest.mark.parametrize("field", ["colour", "name", "", "description,name"])
    def test_of_another_field_is_wrong_usage_and_writes_nothing(
        self, table: SqliteTable, named: Named, field: str
    ) -> None:
        done = run("fts-trigrams", "set", *named, "--field", field)

        assert done.exit_code == USAGE
        assert "the further fields are: description" in done.stderr
        assert item(table, FTS_TRIGRAM_FIELDS) is None

    def test_leaves_other_nonsense_to_who_mends_it(self, table: SqliteTable, named: Named) -> None:
        write_item(table, TTL_POLICY, trace_retention_days="soon")

        assert run("fts-trigrams", "set", *named, "--field", "description").exit_code == DONE
        assert run("fts-trigrams", "show", *named).exit_code == FAILED


class TestReplay:
    def test_builds_the_postings(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = described(store, "the lion sleeps")

        done = run("fts-trigrams", "set", *named, "--field", "description", "--replay")

        assert done.exit_code == DONE
        assert "built: fts:description, fts:name" in done.output
        assert has_postings(table, run_id)

    def test_removes_those_of_a_field_that_was_taken_away(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named, waits: Waits
    ) -> None:
        run_id = described(store, "the lion sleeps")
        run("fts-trigrams", "set", *named, "--field", "description", "--replay")
        waits.clear()

        done = run("fts-trigrams", "set", *named, "--none", "--replay")

        assert done.exit_code == DONE
        assert waits == [pytest.approx(SETTLE_SECONDS, abs=3)]
        assert not has_postings(table, run_id)
        assert built_marks(table) == {"fts:name"}


class TestVariable:
    def test_adds_a_field_to_a_replay_that_has_it(
        self,
        store: DynamoTrackingStore,
        table: SqliteTable,
        named: Named,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run_id = described(store, "the lion sleeps")
        monkeypatch.setenv(VARIABLE, "description")

        run("replay", *named)

        assert has_postings(table, run_id)
        assert "fts:description" in built_marks(table)
        assert item(table, FTS_TRIGRAM_FIELDS) is None

    def test_is_heeded_by_what_looks_for_drift(
        self,
        store: DynamoTrackingStore,
        table: SqliteTable,
        named: Named,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        described(store, "the lion sleeps")
        run("replay", *named)
        assert run("replay", "--verify", *named).exit_code == DONE
        assert run("status", *named).exit_code == DONE
        monkeypatch.setenv(VARIABLE, "description")

        assert run("replay", "--verify", *named).exit_code == FAILED
        assert run("status", *named).exit_code == FAILED

    def test_of_an_unknown_field_fails_with_its_name(
        self, table: SqliteTable, named: Named, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, "colour")

        done = run("replay", *named)

        assert done.exit_code == FAILED
        assert f"{VARIABLE}='colour'" in done.stderr


class TestWhatAVariablesReplayHasBuilt:
    """Everyone keeps it from then on, as searches rely on it; the list does not name it."""

    @pytest.fixture
    def run_id(
        self, store: DynamoTrackingStore, named: Named, monkeypatch: pytest.MonkeyPatch
    ) -> str:
        run_id = described(store, "the lion sleeps")
        monkeypatch.setenv(VARIABLE, "description")
        run("replay", *named)
        monkeypatch.delenv(VARIABLE)
        return run_id

    def test_is_no_drift_to_a_shell_without_the_variable(self, run_id: str, named: Named) -> None:
        assert run("replay", "--verify", *named).exit_code == DONE
        assert run("status", *named).exit_code == DONE

    def test_stays_built_by_a_replay_without_the_variable(
        self, run_id: str, table: SqliteTable, named: Named
    ) -> None:
        run("replay", *named)

        assert has_postings(table, run_id)
        assert "fts:description" in built_marks(table)

    def test_is_shown(self, run_id: str, named: Named) -> None:
        lines = rows(run("fts-trigrams", "show", *named).output)

        assert "description yes, by a variable yes" in lines

    def test_stays_built_when_the_list_comes_to_name_it(
        self, run_id: str, table: SqliteTable, named: Named, waits: Waits
    ) -> None:
        waits.clear()

        done = run("fts-trigrams", "set", *named, "--field", "description")

        assert "added: description; searches use them already" in done.output
        assert "To bring what is there up to date" not in done.output
        assert "fts:description" in built_marks(table)
        assert waits == []

    def test_is_kept_until_no_search_relies_on_it_when_it_is_taken_away(
        self,
        run_id: str,
        table: SqliteTable,
        named: Named,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[Config] = []
        monkeypatch.setattr(
            waiting, "sleep", lambda seconds: seen.append(ConfigSource(table).read())
        )

        done = run("fts-trigrams", "set", *named, "--none", "--replay")

        ((marks, fields),) = [(config.built, config.fts_fields) for config in seen]
        assert "fts:description" not in marks
        assert fields == ("description",)
        assert "taken away: description" in done.output
        assert ConfigSource(table).read().fts_fields == ()
        assert not has_postings(table, run_id)

    def test_a_field_that_a_replay_is_building_is_not_let_go_meanwhile(
        self, table: SqliteTable, named: Named
    ) -> None:
        announce(table, ["fts:description"], 1)

        run("fts-trigrams", "set", *named, "--field", "description")

        marks = item(table, BUILT)
        assert marks is not None
        assert marks["building"] == {"fts:description": 1}
