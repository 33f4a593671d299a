"""Marks of what is built: set by a complete replay, of what it has built only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_projections.built import announce, mark_built, withdraw
from dynamodbstore_projections.config import Config, ConfigSource
from dynamodbstore_projections.drivers.replay import SETTLE_SECONDS, rebuild
from dynamodbstore_projections.fts.projection import kept_fields
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Put

from tests.projections.interposed import InterposedTable
from tests.projections.replays import SmallPages, bare_table, replayed, scope_of, store_on


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = bare_table(tmp_path / "table.ddb")
    store_on(table)
    yield table
    table.close()


def config_of(table: SqliteTable) -> Config:
    return ConfigSource(table).read()


def configure(table: SqliteTable, *items: Item) -> None:
    for item in items:
        table.write(Put({"PK": "CONFIG", **item}))


PATTERNS: Item = {"SK": "DENORMALIZE_TAGS", "patterns": ["team"]}
OWN_PATTERNS: Item = {"SK": "DENORMALIZE_TAGS#0", "patterns": ["env"]}
FIELDS: Item = {"SK": "FTS_TRIGRAM_FIELDS", "fields": ["description"]}


class TestMarks:
    def test_marks_of_everything_are_set_by_a_whole_replay(self, table: SqliteTable) -> None:
        configure(table, PATTERNS, OWN_PATTERNS, FIELDS)

        replayed(table)

        assert config_of(table).built == {
            *("summary", "fts:name", "fts:description"),
            *("tags:mlflow.*", "tags:team", "tags#0:env"),
        }

    def test_marks_are_set_of_the_replayed_projection_alone(self, table: SqliteTable) -> None:
        replayed(table, None, "tags")
        assert config_of(table).built == {"tags:mlflow.*"}

        replayed(table, None, "fts", "ttl")
        assert config_of(table).built == {"tags:mlflow.*", "fts:name"}

    def test_mark_of_a_pattern_that_is_no_longer_configured_goes(self, table: SqliteTable) -> None:
        configure(table, PATTERNS)
        replayed(table)
        configure(table, {**PATTERNS, "patterns": []})

        replayed(table)

        assert config_of(table).built == {"summary", "fts:name", "tags:mlflow.*"}

    def test_mark_is_not_set_if_the_configuration_loses_the_pattern_meanwhile(
        self, table: SqliteTable
    ) -> None:
        configure(table, PATTERNS)

        def forget(_: int) -> None:
            configure(table, {**PATTERNS, "patterns": []})

        replayed(table, SmallPages(table, forget))

        assert "tags:team" not in config_of(table).built

    @pytest.mark.parametrize("at", [0, 1])
    @pytest.mark.parametrize("marked_before", [False, True])
    def test_marks_of_two_commands_at_once_are_all_kept(
        self, table: SqliteTable, marked_before: bool, at: int
    ) -> None:
        # given a command that marks what it has built before a request of another one
        if marked_before:
            mark_built(table, ["tags"], ["tags:mlflow.*"])

        def mark_other(number: int) -> None:
            if number == at:
                mark_built(table, ["fts"], ["fts:name"])

        mark_built(InterposedTable(table, mark_other), ["summary"], ["summary"])

        both = {"summary", "fts:name"}
        assert config_of(table).built == both | ({"tags:mlflow.*"} if marked_before else set())

    def test_withdraw_takes_marks_away(self, table: SqliteTable) -> None:
        replayed(table)

        withdraw(table, ["fts:name"])

        assert config_of(table).built == {"summary", "tags:mlflow.*"}


class TestAnnouncing:
    def test_rebuild_gives_others_the_time_to_read_what_is_announced(
        self, table: SqliteTable
    ) -> None:
        configure(table, PATTERNS)
        waited: list[float] = []

        rebuild(scope_of(table), wait=waited.append)
        rebuild(scope_of(table), wait=waited.append)

        assert waited == [pytest.approx(SETTLE_SECONDS, abs=2)]

    def test_rebuild_does_not_wait_for_what_every_server_keeps_anyway(
        self, table: SqliteTable
    ) -> None:
        waited: list[float] = []

        rebuild(scope_of(table), wait=waited.append)

        assert waited == []

    def test_a_field_that_is_being_built_is_kept_by_every_process(self, table: SqliteTable) -> None:
        announce(table, ["fts:description"], 1)

        config = config_of(table)

        assert kept_fields(config) == {"name", "description"}
        assert config.built == frozenset()
