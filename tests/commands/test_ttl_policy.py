"""``mlflow-dynamodbstore ttl-policy``: what it shows, changes, refuses, and brings up to date."""

from __future__ import annotations

import time

import pytest
from dynamodbstore_events.keys import META, run_pk
from dynamodbstore_table.embedded.table import SqliteTable
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, FAILED, USAGE, Named, rows, run, run_json
from tests.config.items import FILE_DAYS, TTL_POLICY, days, item, write_item
from tests.projections.replays import run_named

DAY = 86_400


def days_left(table: SqliteTable, run_id: str) -> int:
    """How long a deleted run is still kept."""
    meta = table.get((run_pk(run_id), META))
    assert meta is not None
    return round((meta["ttl"] - time.time()) / DAY)


class TestShow:
    def test_of_a_new_table_are_the_defaults(self, table: SqliteTable, named: Named) -> None:
        said = run_json("ttl-policy", "show", *named)

        assert {name: said[name] for name in FILE_DAYS} == FILE_DAYS
        assert set(said["sources"].values()) == {"default"}
        assert item(table, TTL_POLICY) is None

    def test_says_what_is_persisted_to_people(self, table: SqliteTable, named: Named) -> None:
        write_item(table, TTL_POLICY, trace_retention_days=0, soft_deleted_retention_days=1)

        shown = run("ttl-policy", "show", *named)

        assert shown.exit_code == DONE
        lines = rows(shown.output)
        assert "traces ever persisted" in lines
        assert "deleted experiments and runs 1 day persisted" in lines
        assert "per-step metric history ever default" in lines

    def test_of_nonsense_fails_with_its_name(self, table: SqliteTable, named: Named) -> None:
        write_item(table, TTL_POLICY, trace_retention_days="soon")

        done = run("ttl-policy", "show", *named)

        assert done.exit_code == FAILED
        assert "CONFIG/TTL_POLICY is wrong: 'trace_retention_days' is 'soon'" in done.stderr
        assert "Traceback" not in done.output


class TestSet:
    def test_changes_what_is_named_alone_and_says_so(
        self, table: SqliteTable, named: Named
    ) -> None:
        write_item(table, TTL_POLICY, trace_retention_days=5)

        done = run("ttl-policy", "set", *named, "--metric-history-retention-days", "7")

        assert done.exit_code == DONE
        assert "per-step metric history: kept for 7 days, before: ever" in done.output
        assert "counts for what is written from now on" in done.output
        assert "replay" not in done.output
        after = {**FILE_DAYS, "trace_retention_days": 5, "metric_history_retention_days": 7}
        assert days(table) == after

    def test_names_the_replay_for_what_is_deleted_already(
        self, table: SqliteTable, named: Named
    ) -> None:
        options = ("--soft-deleted-retention-days", "7")

        done = run("ttl-policy", "set", *named, *options)
        command = done.output.splitlines()[-1].split()

        assert command[0] == "mlflow-dynamodbstore"
        assert command[-2:] == ["--projection", "ttl"]
        assert run(*command[1:]).exit_code == DONE

    def test_with_replay_what_is_deleted_already_gets_the_new_time(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = run_named(store, "lion")
        store.delete_run(run_id)
        run("ttl-policy", "set", *named, "--soft-deleted-retention-days", "90", "--replay")
        assert days_left(table, run_id) == 90

        said = run_json(
            "ttl-policy", "set", *named, "--soft-deleted-retention-days", "7", "--replay"
        )

        assert days_left(table, run_id) == 7
        assert said["changed"] == {"soft_deleted_retention_days": {"before": 90, "after": 7}}
        assert said["replayed"]["failed"] == {}

    def test_0_takes_the_time_away(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = run_named(store, "lion")
        store.delete_run(run_id)
        run("replay", *named)

        run("ttl-policy", "set", *named, "--soft-deleted-retention-days", "0", "--replay")

        meta = table.get((run_pk(run_id), META))
        assert meta is not None
        assert "ttl" not in meta

    def test_of_what_is_so_already_changes_nothing(self, table: SqliteTable, named: Named) -> None:
        run("ttl-policy", "set", *named, "--trace-retention-days", "7")
        before = item(table, TTL_POLICY)

        done = run("ttl-policy", "set", *named, "--trace-retention-days", "7")

        assert "nothing changed" in done.output
        assert item(table, TTL_POLICY) == before

    @pytest.mark.parametrize("value", ["-1", "1.5", "soon", "", "99999999999"])
    def test_of_no_days_is_wrong_usage_and_writes_nothing(
        self, table: SqliteTable, named: Named, value: str
    ) -> None:
        done = run("ttl-policy", "set", *named, "--trace-retention-days", value)

        assert done.exit_code == USAGE
        assert "--trace-retention-days" in done.stderr
        assert item(table, TTL_POLICY) is None

    def test_of_nothing_is_wrong_usage(self, table: SqliteTable, named: Named) -> None:
        assert run("ttl-policy", "set", *named).exit_code == USAGE

    def test_mends_the_field_that_it_names(self, table: SqliteTable, named: Named) -> None:
        write_item(table, TTL_POLICY, trace_retention_days="soon", other=1)

        done = run("ttl-policy", "set", *named, "--trace-retention-days", "7")

        assert done.exit_code == DONE
        assert "before: 'soon'" in done.output
        assert days(table) == {**FILE_DAYS, "trace_retention_days": 7}

    def test_does_not_guess_what_another_field_should_be(
        self, table: SqliteTable, named: Named
    ) -> None:
        write_item(table, TTL_POLICY, trace_retention_days="soon")

        done = run("ttl-policy", "set", *named, "--soft-deleted-retention-days", "7")

        assert done.exit_code == FAILED
        assert "'trace_retention_days' is 'soon'" in done.stderr
        assert days(table) == {"trace_retention_days": "soon"}

    def test_of_a_missing_table_fails_in_one_line(self, dynoxide_endpoint: str) -> None:
        named = "--table", "nowhere", "--endpoint-url", dynoxide_endpoint

        done = run("ttl-policy", "set", *named, "--trace-retention-days", "7")

        assert done.exit_code == FAILED
        assert done.stderr.startswith("Error: The store's table is missing")
        assert len(done.stderr.splitlines()) == 1

    def test_on_a_server(self, named_on_server: Named) -> None:
        done = run("ttl-policy", "set", *named_on_server, "--trace-retention-days", "7")

        assert done.exit_code == DONE
        assert run_json("ttl-policy", "show", *named_on_server)["trace_retention_days"] == 7
