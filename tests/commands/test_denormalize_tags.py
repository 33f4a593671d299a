"""``mlflow-dynamodbstore denormalize-tags``: what it shows, changes, refuses, and builds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import CONFIG, META, run_pk
from dynamodbstore_projections.built import mark_built
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.drivers.replay import SETTLE_SECONDS
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Op, Put
from mlflow_dynamodbstore.commands import config_options, waiting
from mlflow_dynamodbstore.config.changes import pattern_list, set_list
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, FAILED, USAGE, Named, rows, run, run_json
from tests.commands.conftest import Waits
from tests.config.items import (
    BUILT,
    DENORMALIZE_TAGS,
    built_marks,
    item,
    patterns,
    write_item,
)
from tests.projections.replays import run_named

pytestmark = pytest.mark.usefixtures("waits")


def meta_of(table: SqliteTable, run_id: str) -> Item:
    meta = table.get((run_pk(run_id), META))
    assert meta is not None
    return meta


class TestShow:
    def test_of_a_new_table_is_mlflow_s_own(self, table: SqliteTable, named: Named) -> None:
        said = run_json("denormalize-tags", "show", *named)

        assert (said["patterns"], said["experiments"]) == (["mlflow.*"], {})
        assert item(table, DENORMALIZE_TAGS) is None

    def test_says_what_searches_use(self, table: SqliteTable, named: Named) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "team"])
        write_item(table, f"{DENORMALIZE_TAGS}#7", patterns=["env"])
        mark_built(table, ["tags"], ["tags:team", "tags#7:env"])

        said = run_json("denormalize-tags", "show", *named)
        shown = run("denormalize-tags", "show", *named).output

        assert said["built"] == ["team"]
        assert said["experiments"] == {"7": {"patterns": ["env"], "built": ["env"]}}
        lines = rows(shown)
        assert "team all experiments yes" in lines
        assert "mlflow.* all experiments when a replay has built it" in lines
        assert "env experiment 7 yes" in lines

    def test_prints_every_pattern_whole_and_as_it_is(
        self, table: SqliteTable, named: Named
    ) -> None:
        odd = ["env[ab]", "[bold]*", ":smile:", "x" * 200]
        write_item(table, DENORMALIZE_TAGS, patterns=odd)

        lines = rows(run("denormalize-tags", "show", *named).output)

        assert [line.partition(" ")[0] for line in lines[2:]] == odd

    def test_cuts_nothing_on_a_narrow_terminal(
        self, table: SqliteTable, named: Named, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["Q" * 200])
        monkeypatch.setattr(config_options, "_WIDE", 60)

        printed = run("denormalize-tags", "show", *named).output

        assert printed.count("Q") == 200

    def test_of_an_experiment_is_its_own_and_those_of_all(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "team"])
        write_item(table, f"{DENORMALIZE_TAGS}#0", patterns=["env", "team"])

        said = run_json("denormalize-tags", "show", *named, "--experiment-id", "0")

        assert said["effective"] == ["mlflow.*", "team", "env"]


class TestSet:
    def test_sets_exactly_these_beside_mlflow_s(self, table: SqliteTable, named: Named) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "team", "old"])

        done = run("denormalize-tags", "set", *named, "--pattern", "team", "--pattern", "env*")

        assert done.exit_code == DONE
        assert item(table, DENORMALIZE_TAGS) == {
            "PK": CONFIG,
            "SK": DENORMALIZE_TAGS,
            "patterns": ["mlflow.*", "team", "env*"],
        }
        assert "added: env*" in done.output
        assert "taken away: old" in done.output
        assert "replay --store-uri" in done.output

    @pytest.mark.parametrize("options", [["--pattern", "team"], ["--none"]])
    def test_can_not_take_mlflow_s_away(
        self, table: SqliteTable, named: Named, options: list[str]
    ) -> None:
        run("denormalize-tags", "set", *named, *options)

        assert ConfigSource(table).read().patterns[0] == "mlflow.*"

    def test_of_one_experiment_adds_to_those_of_all(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        options = ("--experiment-id", "0", "--pattern", "stage", "--pattern", "mlflow.*")

        said = run_json("denormalize-tags", "set", *named, *options)

        assert said["patterns"] == ["stage"]
        assert patterns(table, f"{DENORMALIZE_TAGS}#0") == ["stage"]
        assert ConfigSource(table).read().patterns_of("0") == ("mlflow.*", "stage")

    def test_none_of_an_experiment_s_own_leaves_no_item(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        write_item(table, f"{DENORMALIZE_TAGS}#0", patterns=["stage"])

        run("denormalize-tags", "set", *named, "--experiment-id", "0", "--none")

        assert item(table, f"{DENORMALIZE_TAGS}#0") is None

    @pytest.mark.parametrize("experiment_id", ["99", "all", ""])
    def test_of_an_experiment_that_is_not_there_fails(
        self, table: SqliteTable, named: Named, experiment_id: str
    ) -> None:
        options = ("--experiment-id", experiment_id, "--pattern", "team")

        done = run("denormalize-tags", "set", *named, *options)

        assert done.exit_code == FAILED
        assert "Error: There is no experiment" in done.stderr
        assert item(table, f"{DENORMALIZE_TAGS}#{experiment_id}") is None

    @pytest.mark.parametrize("pattern", ["te[am", "team,env", "", " team", "[z-a]", "x" * 251])
    def test_of_no_pattern_is_wrong_usage_and_writes_nothing(
        self, table: SqliteTable, named: Named, pattern: str
    ) -> None:
        done = run("denormalize-tags", "set", *named, "--pattern", "team", "--pattern", pattern)

        assert done.exit_code == USAGE
        assert repr(pattern) in done.stderr
        assert item(table, DENORMALIZE_TAGS) is None


class TestReplay:
    def test_copies_the_tags_and_marks_the_pattern_as_built(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = run_named(store, "lion", team="red")

        said = run_json("denormalize-tags", "set", *named, "--pattern", "team", "--replay")

        assert meta_of(table, run_id)["tag.team"] == "red"
        assert said["replay"] is None
        assert "tags:team" in said["replayed"]["built"]
        assert built_marks(table) == {"tags:mlflow.*", "tags:team"}

    def test_removes_the_copies_of_what_was_taken_away(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run_id = run_named(store, "lion", team="red")
        run("denormalize-tags", "set", *named, "--pattern", "team", "--replay")

        done = run("denormalize-tags", "set", *named, "--none", "--replay")

        assert done.exit_code == DONE
        assert "tag.team" not in meta_of(table, run_id)
        assert built_marks(table) == {"tags:mlflow.*"}

    def test_is_done_also_where_nothing_changed(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        run("denormalize-tags", "set", *named, "--pattern", "team")

        run("denormalize-tags", "set", *named, "--pattern", "team", "--replay")

        assert "tags:team" in built_marks(table)

    def test_replay_names_a_damaged_entity_and_ends_with_1(
        self, store: DynamoTrackingStore, table: SqliteTable, named: Named
    ) -> None:
        write_item(table, "unrelated")
        table.write(Put({"PK": "RUN#poison", "SK": META}))

        done = run("denormalize-tags", "set", *named, "--pattern", "team", "--replay")

        assert done.exit_code == FAILED
        assert "RUN#poison META: experiment_id is missing" in done.stdout


class TestTakingAway:
    """Searches must not rely on what nobody keeps, in any process and at any moment."""

    @pytest.fixture
    def relied_on(self, store: DynamoTrackingStore, table: SqliteTable, named: Named) -> None:
        run("denormalize-tags", "set", *named, "--pattern", "team", "--replay")

    def test_withdraws_first_and_waits_until_every_process_knows(
        self,
        relied_on: None,
        table: SqliteTable,
        named: Named,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[tuple[frozenset[str], list[str], float]] = []
        monkeypatch.setattr(
            waiting, "sleep", lambda s: seen.append((built_marks(table), patterns(table), s))
        )

        done = run("denormalize-tags", "set", *named, "--none")

        ((marks, listed, seconds),) = seen
        assert "tags:team" not in marks
        assert "team" in listed
        assert seconds == pytest.approx(SETTLE_SECONDS, abs=3)
        assert "Waiting for 3" in done.stderr
        assert patterns(table) == ["mlflow.*"]

    def test_waits_for_nothing_where_no_search_relied_on_it(
        self, table: SqliteTable, named: Named, waits: Waits
    ) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "team"])

        run("denormalize-tags", "set", *named, "--none")

        assert waits == []

    def test_that_was_interrupted_still_waits_when_it_is_run_again(
        self, relied_on: None, table: SqliteTable, named: Named, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(_: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(waiting, "sleep", interrupt)
        first = run("denormalize-tags", "set", *named, "--none")
        assert first.exit_code == FAILED
        assert "team" in patterns(table)
        waited: Waits = []
        monkeypatch.setattr(waiting, "sleep", waited.append)

        run("denormalize-tags", "set", *named, "--none")

        assert waited == [pytest.approx(SETTLE_SECONDS, abs=5)]
        assert patterns(table) == ["mlflow.*"]

    @pytest.mark.parametrize("by", ["a replay that ends", "a server that starts"])
    def test_is_right_whatever_happens_meanwhile(
        self,
        relied_on: None,
        table: SqliteTable,
        named: Named,
        monkeypatch: pytest.MonkeyPatch,
        by: str,
    ) -> None:
        happened: list[Callable[[], object]] = [
            lambda: (
                mark_built(table, ["tags"], ["tags:team", "tags:mlflow.*"])
                if by == "a replay that ends"
                else write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "team", "new"])
            )
        ]

        def meanwhile(_: float) -> None:
            if happened:
                happened.pop()()

        monkeypatch.setattr(waiting, "sleep", meanwhile)

        run("denormalize-tags", "set", *named, "--none")

        assert patterns(table) == ["mlflow.*"]
        assert built_marks(table) == {"tags:mlflow.*"}
        marks = item(table, BUILT)
        assert marks is not None
        assert marks["building"] == {}

    @pytest.fixture
    def right_before(
        self, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[Callable[[], object]], None]:
        """Lets something happen right before the list is written."""

        def arrange(happens: Callable[[], object]) -> None:
            write = table.write

            def late(*ops: Op) -> list[ChangeEvent]:
                if isinstance(ops[0], Put):
                    monkeypatch.setattr(table, "write", write)
                    happens()
                return write(*ops)

            monkeypatch.setattr(table, "write", late)

        return arrange

    def test_a_replay_that_ends_right_before_does_not_leave_its_mark(
        self,
        relied_on: None,
        table: SqliteTable,
        right_before: Callable[[Callable[[], object]], None],
    ) -> None:
        right_before(lambda: mark_built(table, ["tags"], ["tags:team", "tags:mlflow.*"]))

        set_list(table, pattern_list(None), [], wait=lambda seconds: None)

        assert patterns(table) == ["mlflow.*"]
        assert built_marks(table) == {"tags:mlflow.*"}

    def test_what_a_server_adds_right_before_is_told_to_be_taken_away(
        self, table: SqliteTable, right_before: Callable[[Callable[[], object]], None]
    ) -> None:
        right_before(lambda: write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*", "theirs"]))

        change = set_list(table, pattern_list(None), ["team"], wait=lambda seconds: None)

        assert change.removed == ["theirs"]
        assert patterns(table) == ["mlflow.*", "team"]

    def test_a_replay_that_ends_right_after_does_not_mark_it(
        self, relied_on: None, table: SqliteTable, named: Named
    ) -> None:
        run("denormalize-tags", "set", *named, "--none")

        mark_built(table, ["tags"], ["tags:team", "tags:mlflow.*"])

        assert built_marks(table) == {"tags:mlflow.*"}

    def test_and_adding_it_again_needs_a_replay_again(
        self, relied_on: None, table: SqliteTable, named: Named
    ) -> None:
        run("denormalize-tags", "set", *named, "--none")

        run("denormalize-tags", "set", *named, "--pattern", "team")

        assert "tags:team" not in built_marks(table)

    def test_what_was_taken_out_by_hand_is_not_built_when_it_comes_back(
        self, relied_on: None, table: SqliteTable, named: Named
    ) -> None:
        write_item(table, DENORMALIZE_TAGS, patterns=["mlflow.*"])

        run("denormalize-tags", "set", *named, "--pattern", "team")

        assert "tags:team" not in built_marks(table)
