"""``mlflow-dynamodbstore status``: how a table and its projections are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from dynamodbstore_projections.all import STREAM_FUNCTIONS, projections_of
from dynamodbstore_projections.heartbeat import Arrived, Heartbeats, heartbeat
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.facts import KindCount, TableFacts
from dynamodbstore_table.port import Delete
from mlflow_dynamodbstore.commands.keeper import keeper, problems
from mlflow_dynamodbstore.commands.table_sample import sample_of
from mlflow_dynamodbstore.location import EndpointLocation, FileLocation, RegionLocation
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, FAILED, USAGE, run, run_json
from tests.projections.entities import everything
from tests.projections.heartbeats import arrive, now_ms
from tests.projections.replays import fill, run_named

Named = tuple[str, str]
REGION = RegionLocation("eu-central-1", "mlflow")
NOW = 1_700_000_000_000
MINUTE = 60_000
STREAM_ARN = "arn:aws:dynamodb:eu-central-1:123456789012:table/mlflow/stream/2"


class TestOfAFile:
    def test_counts_its_items_and_says_what_is_built(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_named(store, "lion", ended=True)
        run("replay", *named)

        found = run_json("status", *named)

        assert found["items"] == len(everything(table, ""))
        assert found["bytes"] >= 8192
        assert found["built"] == ["fts:name", "summary", "tags:mlflow.*"]
        assert found["sample"]["whole"]
        assert found["sample"]["kinds"]["RUN"]["entities"] == 1
        assert found["sample"]["kinds"]["SUMMARY"]["items"] == 1
        assert found["drift_total"] == 0
        assert found["compared_entities"] == 2

    def test_has_neither_stream_nor_lag(self, store: DynamoTrackingStore, named: Named) -> None:
        found = run_json("status", *named)

        assert found["stream"] is None
        assert found["projections"]["mode"] == "inline"
        assert found["lag_ms"] == 0

    def test_ends_with_1_where_a_sample_has_drifted(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = run_named(store, "lion", ended=True)
        run("replay", *named)
        assert run("status", *named).exit_code == DONE
        table.write(Delete((f"SUMMARY#{run_id}", "SUMMARY")))

        found = run("status", *named)

        assert found.exit_code == FAILED
        assert f"summary, missing: SUMMARY#{run_id} SUMMARY" in found.output
        assert "drift of a sample of 2 entities: 1 differences" in found.output

    def test_looks_at_registered_models_too_however_many_runs_there_are(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run("replay", *named)
        DynamoRegistryStore(table).create_registered_model("lion")
        big = "x" * 300_000
        fill(table, ({"PK": f"EXP#{n}", "SK": "TAG#note", "v": big} for n in range(9)))
        fill(table, ({"PK": f"RUN#{n}", "SK": "TAG#note", "v": big} for n in range(9)))

        found = run_json("status", *named, "--sample-pages", "4")

        assert found["sample"]["kinds"]["RM"]["entities"] == 1
        missing = found["drift"]["fts"]["missing"]["examples"]
        assert any(key.startswith("FTSMARK#RM#") for key in missing)

    def test_of_a_new_table_has_its_projections_built(self, tmp_path: Path) -> None:
        named = "--store-uri", f"dynamodb:///{tmp_path}/new.ddb"
        run("create-table", *named)

        assert "tags:mlflow.*" in run_json("status", *named)["built"]

    def test_that_is_missing_is_an_error_in_a_line(self, tmp_path: Path) -> None:
        done = run("status", "--store-uri", f"dynamodb:///{tmp_path}/none.ddb")

        assert done.exit_code == FAILED
        assert done.stderr.startswith("Error: The store's table is missing")

    def test_of_a_mode_that_there_is_none_of(
        self, named: Named, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_DYNAMODB_PROJECTIONS", "sometimes")

        done = run("status", *named)

        assert done.exit_code == FAILED
        assert "MLFLOW_DYNAMODB_PROJECTIONS='sometimes'" in done.stderr


class TestOfAServer:
    def test_says_whether_there_is_a_stream_and_when_functions_were_alive(
        self,
        store: DynamoTrackingStore,
        table: SqliteTable,
        dynoxide_table: DynamoDBTable,
        dynoxide_endpoint: str,
    ) -> None:
        run_named(store, "lion", ended=True)
        fill(dynoxide_table, everything(table, "").values())
        arrive(dynoxide_table, age_ms=7_200_000, functions=("search",))
        named = "--table", dynoxide_table.name, "--endpoint-url", dynoxide_endpoint
        run("replay", *named)

        found = run("status", *named)

        assert found.exit_code == DONE
        assert "stream               on" in found.output
        assert "heartbeat search     120 minutes ago" in found.output
        assert "heartbeat lifecycle  never" in found.output
        assert "a table at an endpoint is kept by its servers" in found.output

    def test_in_stream_mode_the_lag_is_where_the_functions_tell_it(
        self, dynoxide_table: DynamoDBTable, dynoxide_endpoint: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_DYNAMODB_PROJECTIONS", "stream")
        named = "--table", dynoxide_table.name, "--endpoint-url", dynoxide_endpoint

        assert run_json("status", *named)["lag_ms"] is None
        assert "CloudWatch" in run("status", *named).output

    def test_a_sample_says_that_it_is_one(self, dynoxide_table: DynamoDBTable) -> None:
        big = "x" * 300_000
        fill(dynoxide_table, ({"PK": f"RUN#{n}", "SK": "META", "x": big} for n in range(12)))
        facts = dynoxide_table.facts()

        part = sample_of(dynoxide_table, facts, 2)
        whole = sample_of(dynoxide_table, facts, 40)

        assert not part.whole
        assert 0 < part.items < 12
        assert whole.whole
        assert whole.kinds == {"RUN": KindCount(12, 12)}


def beats(
    sent: int | None = NOW,
    stream: str | None = STREAM_ARN,
    versions: Mapping[str, int] | None = None,
    **arrived: int,
) -> Heartbeats:
    """Heartbeats that reached functions at these times (ms), by this stream; ``versions`` are of
    projections that are not kept as this code does."""
    return Heartbeats(
        sent,
        {
            name: Arrived(
                arrived[name],
                {p.name: p.version for p in projections_of(name)} | dict(versions or {}),
                stream,
            )
            if name in arrived
            else Arrived()
            for name in STREAM_FUNCTIONS
        },
    )


class TestProblems:
    """What keeps the functions from their work is named, with what mends it."""

    ON = TableFacts(stream=True, stream_arn=STREAM_ARN)

    def test_none_while_heartbeats_come(self) -> None:
        assert problems(REGION, beats(search=NOW, lifecycle=NOW), self.ON, NOW) == []

    def test_none_where_there_never_were_functions(self) -> None:
        assert problems(REGION, beats(None), TableFacts(stream=False), NOW) == []

    @pytest.mark.parametrize("late_ms", [0, 20 * MINUTE])
    def test_a_stream_that_is_off(self, late_ms: int) -> None:
        arrived = beats(search=NOW - late_ms, lifecycle=NOW - late_ms)

        (found,) = problems(REGION, arrived, TableFacts(stream=False), NOW)

        assert found.state == "stream_off"
        assert "aws dynamodb update-table --table-name mlflow" in found.mend
        assert "ExistingStreamArn" in found.mend
        assert "replay --table mlflow --region eu-central-1" in found.mend

    def test_functions_that_read_an_earlier_stream(self) -> None:
        late = NOW - 20 * MINUTE
        arrived = beats(search=late, lifecycle=late, stream="arn:aws:dynamodb:old")

        (found,) = problems(REGION, arrived, self.ON, NOW)

        assert found.state == "other_stream"
        assert "read arn:aws:dynamodb:old, which is not the table's stream any more" in found.what
        assert f"ExistingStreamArn={STREAM_ARN}" in found.mend

    @pytest.mark.parametrize("stream", [STREAM_ARN, None])
    def test_a_function_that_no_heartbeat_reaches(self, stream: str | None) -> None:
        arrived = beats(search=NOW - 20 * MINUTE, lifecycle=NOW, stream=stream)

        (found,) = problems(REGION, arrived, self.ON, NOW)

        assert found.state == "not_reached"
        assert "none has reached search in the last 15 minutes" in found.what

    def test_a_schedule_that_stands_still(self) -> None:
        late = NOW - 20 * MINUTE

        (found,) = problems(REGION, beats(late, search=late, lifecycle=late), self.ON, NOW)

        assert found.state == "no_schedule"

    def test_functions_of_an_older_version(self) -> None:
        arrived = beats(search=NOW, lifecycle=NOW, versions={"summary": 0})

        (found,) = problems(REGION, arrived, self.ON, NOW)

        assert found.state == "functions_outdated"
        assert "does not keep summary" in found.what
        assert "sam deploy" in found.mend

    def test_are_printed_and_in_the_json(
        self,
        dynoxide_table: DynamoDBTable,
        dynoxide_endpoint: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # A table in a region, whose functions read the stream that it had before.
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynoxide_endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        named = "--table", dynoxide_table.name, "--region", "eu-central-1"
        arrive(dynoxide_table, age_ms=20 * MINUTE, stream="arn:old")
        dynoxide_table.write(heartbeat(now_ms()))

        found = run_json("status", *named)
        shown = run("status", *named).output

        assert [problem["state"] for problem in found["problems"]] == ["other_stream"]
        assert found["projections"]["mode"] == "inline"
        assert found["heartbeats"]["search"]["projections"]["fts"] == 1
        assert "problem: the functions (lifecycle, search) read arn:old" in shown


class TestOfANewTable:
    """What is shown before a server or a function has been there is no failure."""

    def test_shows_that_the_first_server_marks_it(
        self, dynoxide_table: DynamoDBTable, dynoxide_endpoint: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynoxide_endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")

        shown = run("status", "--table", dynoxide_table.name, "--region", "eu-central-1")

        assert shown.exit_code == DONE
        assert "no stream function has sent a heartbeat yet" in shown.output
        assert "nothing yet: the first server that opens an empty table marks it" in shown.output
        assert "problem:" not in shown.output


class TestModes:
    """Who keeps the projections where the mode is ``auto``, and why."""

    def test_fresh_heartbeats_of_every_function_mean_the_stream(self) -> None:
        found = beats(search=NOW - MINUTE, lifecycle=NOW - 14 * MINUTE)

        assert keeper(REGION, "auto", found, NOW).mode == "stream"

    def test_without_any_servers_keep_projections_inline(self) -> None:
        found = keeper(REGION, "auto", beats(sent=None), NOW)

        assert found.mode == "inline"
        assert found.why.startswith("no stream function has sent a heartbeat yet")

    def test_with_old_ones_servers_keep_projections_inline(self) -> None:
        found = keeper(REGION, "auto", beats(search=1, lifecycle=1), NOW)

        assert found.mode == "inline"
        assert found.why == "no heartbeat came by the stream in the last 15 minutes"

    def test_with_those_of_functions_that_name_no_projection_servers_keep_all(self) -> None:
        old = Heartbeats(NOW, {name: Arrived(NOW) for name in STREAM_FUNCTIONS})

        found = keeper(REGION, "auto", old, NOW)

        assert found.mode == "inline"
        assert found.why == "no function keeps fts, summary, tags, ttl: the servers do"

    def test_with_those_of_one_function_servers_keep_what_is_the_others(self) -> None:
        found = keeper(REGION, "auto", beats(search=NOW - MINUTE, lifecycle=NOW - 16 * MINUTE), NOW)

        assert found.mode == "mixed"
        assert found.why == "no function keeps ttl: the servers do"

    @pytest.mark.parametrize(
        "location", [FileLocation(Path("x.ddb")), EndpointLocation("http://127.0.0.1:1", "mlflow")]
    )
    def test_files_and_endpoints_are_kept_inline(
        self, location: FileLocation | EndpointLocation
    ) -> None:
        found = beats(search=NOW, lifecycle=NOW)

        assert keeper(location, "auto", found, NOW).mode == "inline"

    def test_what_is_set_counts(self) -> None:
        assert keeper(REGION, "stream", beats(), NOW).mode == "stream"


def test_too_small_a_sample_is_wrong_usage(named: Named) -> None:
    assert run("status", *named, "--sample-pages", "1").exit_code == USAGE
