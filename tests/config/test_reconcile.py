"""Reconciliation: variables and ``CONFIG`` items, when a server starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dynamodbstore_projections.built import mark_built
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Op, Table
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow_dynamodbstore.config.changes import set_policy
from mlflow_dynamodbstore.config.effective import EffectiveConfig
from mlflow_dynamodbstore.config.reconcile import reconcile
from mlflow_dynamodbstore.settings import Settings

from tests.config.items import (
    BUILT,
    DENORMALIZE_TAGS,
    FTS_TRIGRAM_FIELDS,
    TTL_POLICY,
    config_items,
    days,
    default_days,
    item,
    patterns,
    write_as_in_the_console,
    write_item,
)

NAMES = dict.fromkeys(("experiment_name", "run_name", "model_name"), "always")


def start(table: Table, **settings: Any) -> EffectiveConfig:
    """What a server with these settings does when it starts."""
    return reconcile(table, Settings(**settings))


class TestFirstStart:
    def test_first_start_writes_the_items_as_documented(self, table: Table) -> None:
        start(table, patterns=("team", "env"), days={"trace_retention_days": 7})

        assert config_items(table) == {
            DENORMALIZE_TAGS: {
                "PK": "CONFIG",
                "SK": "DENORMALIZE_TAGS",
                "patterns": ["mlflow.*", "team", "env"],
            },
            TTL_POLICY: {
                "PK": "CONFIG",
                "SK": "TTL_POLICY",
                **default_days(table),
                "trace_retention_days": 7,
            },
        }

    def test_first_start_writes_the_defaults_without_variables(self, table: Table) -> None:
        start(table)

        assert (patterns(table), days(table)) == (["mlflow.*"], default_days(table))


class TestPatterns:
    def test_patterns_of_the_variable_are_added_and_none_is_removed(self, table: Table) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "team", "old"])

        effective = start(table, patterns=("env", "team"))

        assert patterns(table) == ["mlflow.*", "team", "old", "env"]
        assert effective.config.patterns == ("mlflow.*", "team", "old", "env")

    def test_patterns_of_mlflow_come_back_where_someone_removed_them_by_hand(
        self, table: Table
    ) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["team"])

        start(table)

        assert set(patterns(table)) == {"mlflow.*", "team"}

    def test_patterns_of_single_experiments_stay_as_they_are(self, table: Table) -> None:
        write_item(table, f"{DENORMALIZE_TAGS}#12", patterns=["stage"])

        effective = start(table, patterns=("team",))

        assert patterns(table, f"{DENORMALIZE_TAGS}#12") == ["stage"]
        assert set(effective.config.patterns_of("12")) == {"mlflow.*", "team", "stage"}

    def test_added_patterns_are_not_built_even_with_an_old_mark(self, table: Table) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["team"])
        mark_built(table, ["tags"], ["tags:team", "tags:mlflow.*"])
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*"])

        effective = start(table, patterns=("team",))

        assert effective.config.built == {"tags:mlflow.*"}

    def test_patterns_are_added_to_a_string_set_made_in_the_console(
        self, dynoxide_table: DynamoDBTable
    ) -> None:
        listed = {"SS": ["mlflow.*", "team"]}
        write_as_in_the_console(dynoxide_table, DENORMALIZE_TAGS, patterns=listed)

        start(dynoxide_table, patterns=("env",))

        assert set(patterns(dynoxide_table)) == {"mlflow.*", "team", "env"}


class TestDays:
    def test_days_of_a_variable_replace_that_field_alone(self, table: Table) -> None:
        write_item(table, TTL_POLICY, **{**default_days(table), "trace_retention_days": 5})

        effective = start(table, days={"soft_deleted_retention_days": 10})

        after = {
            **default_days(table),
            "trace_retention_days": 5,
            "soft_deleted_retention_days": 10,
        }
        assert days(table) == after
        assert effective.config.ttl.trace_retention_days == 5
        assert effective.config.ttl.soft_deleted_retention_days == 10

    def test_zero_is_a_value_like_any_other(self, table: Table) -> None:
        start(table, days={"trace_retention_days": 0})

        assert start(table).config.ttl.trace_retention_days == 0

    def test_days_that_the_item_lacks_are_the_defaults(self, table: Table) -> None:
        write_item(table, TTL_POLICY, trace_retention_days=5)

        start(table)

        assert days(table) == {**default_days(table), "trace_retention_days": 5}


class TestFields:
    def test_fields_of_the_variable_count_for_this_process_and_are_not_written(
        self, table: Table
    ) -> None:
        effective = start(table, fts_fields=("description",))

        assert effective.config.fts_fields == ("description",)
        assert item(table, FTS_TRIGRAM_FIELDS) is None
        assert start(table).config.fts_fields == ()

    def test_persisted_fields_count_for_everyone_and_stay(self, table: Table) -> None:
        write_item(table, FTS_TRIGRAM_FIELDS, fields=["description"])

        assert start(table).config.fts_fields == ("description",)
        assert item(table, FTS_TRIGRAM_FIELDS) == {
            "PK": "CONFIG",
            "SK": FTS_TRIGRAM_FIELDS,
            "fields": ["description"],
        }


class TestWarmStart:
    def test_warm_start_is_one_query_and_writes_nothing(self, sqlite_table: SqliteTable) -> None:
        settings = {"patterns": ("team",), "days": {"trace_retention_days": 7}}
        start(sqlite_table, **settings)
        meter = Meter()

        again = start(CountingTable(sqlite_table, meter), **settings)

        usage = meter.take()
        assert dict(usage.requests) == {"Query": 1}
        assert usage.write_units == 0
        assert again.changes == ()


class TestWhatAnotherWritesMeanwhile:
    """Between what a start reads of the items and what it writes."""

    @pytest.fixture
    def just_before_the_write(
        self, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[Callable[[], object]], None]:
        """Lets something happen right before the next write."""

        def arrange(happens: Callable[[], object]) -> None:
            write = table.write

            def late(*ops: Op) -> Any:
                monkeypatch.setattr(table, "write", write)
                happens()
                return write(*ops)

            monkeypatch.setattr(table, "write", late)

        return arrange

    def test_a_change_of_another_field_of_the_policy_stays(
        self, table: Table, just_before_the_write: Callable[[Callable[[], object]], None]
    ) -> None:
        start(table)
        theirs = {**default_days(table), "trace_retention_days": 5}
        just_before_the_write(lambda: write_item(table, TTL_POLICY, **theirs))

        effective = start(table, days={"soft_deleted_retention_days": 10})

        assert days(table) == {**theirs, "soft_deleted_retention_days": 10}
        assert effective.config.ttl.trace_retention_days == 5

    def test_a_change_of_the_patterns_stays(
        self, table: Table, just_before_the_write: Callable[[Callable[[], object]], None]
    ) -> None:
        start(table)
        just_before_the_write(
            lambda: write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "theirs"])
        )

        start(table, patterns=("mine",))

        assert patterns(table) == ["mlflow.*", "theirs", "mine"]

    def test_a_change_stays_when_an_operator_sets_another_field(
        self, table: Table, just_before_the_write: Callable[[Callable[[], object]], None]
    ) -> None:
        start(table)
        theirs = {**default_days(table), "trace_retention_days": 5}
        just_before_the_write(lambda: write_item(table, TTL_POLICY, **theirs))

        set_policy(table, {"soft_deleted_retention_days": 10})

        assert days(table) == {**theirs, "soft_deleted_retention_days": 10}


class TestSummary:
    def test_summary_has_what_changed(self, table: Table) -> None:
        start(table)

        before = days(table)["trace_retention_days"]
        effective = start(table, patterns=("team",), days={"trace_retention_days": 7})

        assert effective.summary()["changed"] == [
            "DENORMALIZE_TAGS: added team",
            f"TTL_POLICY: trace_retention_days = 7, before {before}",
        ]

    def test_summary_has_the_source_of_each_value(self, table: Table) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "team"])
        write_item(table, TTL_POLICY, trace_retention_days=5)

        summary = start(
            table,
            patterns=("env",),
            days={"soft_deleted_retention_days": 1},
            fts_fields=("description",),
            run_shards=4,
            given=frozenset({"MLFLOW_DYNAMODB_RUN_SHARDS"}),
        ).summary()

        assert summary["denormalize_tags"] == {
            "mlflow.*": "default",
            "team": "persisted",
            "env": "variable",
        }
        assert summary["trace_retention_days"] == {"value": 5, "source": "persisted"}
        assert summary["soft_deleted_retention_days"] == {"value": 1, "source": "variable"}
        history = default_days(table)["metric_history_retention_days"]
        assert summary["metric_history_retention_days"] == {"value": history, "source": "default"}
        assert summary["fts_trigram_fields"] == {**NAMES, "description": "variable"}
        assert summary["run_shards"] == {"value": 4, "source": "variable"}
        assert summary["projections"] == {"value": "auto", "source": "default"}

    def test_a_field_that_only_the_item_names_is_persisted(self, table: Table) -> None:
        write_item(table, FTS_TRIGRAM_FIELDS, fields=["description"])

        assert start(table).summary()["fts_trigram_fields"] == {**NAMES, "description": "persisted"}

    def test_a_field_that_a_replay_announces_is_persisted(self, table: Table) -> None:
        write_item(table, BUILT, marks=[], building={"fts:description": 1}, version=1)

        assert start(table).summary()["fts_trigram_fields"] == {**NAMES, "description": "persisted"}


@pytest.mark.parametrize("settings", [{}, {"patterns": ("team",)}], ids=["plain", "patterns"])
def test_a_second_start_changes_nothing(table: Table, settings: dict[str, Any]) -> None:
    start(table, **settings)
    before = config_items(table)

    assert start(table, **settings).changes == ()
    assert config_items(table) == before
