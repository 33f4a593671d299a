"""A projection that is added, and one in a new version, beside functions and servers of before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import RUN, Entity
from dynamodbstore_events.keys import CONFIG, META, Key
from dynamodbstore_lambdas import lifecycle, search
from dynamodbstore_projections import all as listed
from dynamodbstore_projections.all import (
    STREAM_FUNCTIONS,
    inline_projections,
    kept_by_all,
    search_projections,
)
from dynamodbstore_projections.built import BUILT_KEY, announce, announce_newer
from dynamodbstore_projections.config import Config, ConfigSource
from dynamodbstore_projections.drivers.replay import rebuild
from dynamodbstore_projections.heartbeat import read_heartbeats
from dynamodbstore_projections.projection import Projection, Writes
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.summary.projection import SummaryProjection, summary_key
from dynamodbstore_projections.view import View
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Put

from tests.lambdas.conftest import Deployed, deployed
from tests.lambdas.samples import RUN_ID, happen, sample
from tests.projections.heartbeats import now_ms
from tests.projections.replays import (
    bare_table,
    contents,
    drift_of,
    inline_table,
    replayed,
    run_named,
    scope_of,
    store_on,
)

__all__ = ["deployed"]


class Starts(Projection):
    """Keeps, for each run, an item with the time of its start: as small as a projection is."""

    name = "starts"
    watches: ClassVar[Mapping[str, tuple[str, ...]]] = {RUN: (META,)}

    def marks(self, config: Config) -> frozenset[str]:
        return frozenset((self.mark,))

    def owner(self, key: Key) -> Entity | None:
        return Entity(RUN, key[0].partition("#")[2]) if key[0].startswith("STARTS#") else None

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        if entity.kind != RUN:
            return []
        key = f"STARTS#{entity.id}", "START"
        meta, known = view.meta(entity.pk), view.get(key)
        if meta is None:
            return [] if known is None else [(Delete(key),)]
        wanted = {"PK": key[0], "SK": key[1], "at": meta["start_time"]}
        return [] if known == wanted else [(Put(wanted),)]


class SummaryOfLater(SummaryProjection):
    """The summary in a second version: its items have another form."""

    version = 2

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        if entity.kind != RUN or view.meta(entity.pk) is None:
            return []
        key = summary_key(entity.id)
        wanted = {"PK": key[0], "SK": key[1], "form": 2}
        return [] if view.get(key) == wanted else [(Put(wanted),)]


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list with one projection more."""
    monkeypatch.setattr(listed, "PROJECTIONS", (*listed.PROJECTIONS, Starts))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of a later version, with another form of summaries."""
    projections = [p for p in listed.PROJECTIONS if p is not SummaryProjection]
    monkeypatch.setattr(listed, "PROJECTIONS", (*projections, SummaryOfLater))


def starts(table: SqliteTable) -> dict[str, Any]:
    return {pk: item for (pk, _), item in contents(table).items() if pk.startswith("STARTS#")}


@pytest.mark.usefixtures("added")
class TestAddingAProjection:
    """Its class and its line in the list are all: whatever goes by projections has it."""

    @pytest.fixture
    def table(self, tmp_path: Path) -> Iterator[SqliteTable]:
        table = inline_table(tmp_path / "inline.ddb")
        yield table
        table.close()

    def test_an_observer_keeps_an_added_projection(self, table: SqliteTable) -> None:
        run_id = run_named(store_on(table), "lion")

        assert set(starts(table)) == {f"STARTS#{run_id}"}

    def test_a_replay_builds_an_added_projection_and_sets_its_mark(self, tmp_path: Path) -> None:
        bare = bare_table(tmp_path / "bare.ddb")
        run_id = run_named(store_on(bare), "lion")

        result = replayed(bare)

        assert "starts" in result.built
        assert set(starts(bare)) == {f"STARTS#{run_id}"}
        assert "starts" in kept_by_all()

    def test_a_comparison_finds_drift_of_an_added_projection_and_a_replay_heals_it(
        self, table: SqliteTable
    ) -> None:
        run_id = run_named(store_on(table), "lion")
        table.write(Delete((f"STARTS#{run_id}", "START")))
        table.write(Put({"PK": "STARTS#gone", "SK": "START", "at": 1}))

        assert drift_of(table).counts == {("starts", "missing"): 1, ("starts", "stale"): 1}
        replayed(table)

        assert not drift_of(table).total
        assert set(starts(table)) == {f"STARTS#{run_id}"}

    def test_a_function_keeps_an_added_projection_and_its_heartbeat_names_it(
        self, deployed: Deployed
    ) -> None:
        happen(deployed.table, sample("run-created"))
        for name in ("run-created", "heartbeat"):
            search.handler(sample(name), deployed.context)

        assert deployed.table.get((f"STARTS#{RUN_ID}", "START")) is not None
        arrived = read_heartbeats(deployed.table, ["search"]).arrived["search"]
        assert arrived.versions["starts"] == 1


def test_todays_functions_under_a_newer_store_leave_it_what_they_do_not_keep(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: today's functions, whose heartbeat came a moment ago
    heartbeats = sample("heartbeat")
    heartbeats["Records"][0]["dynamodb"]["ApproximateCreationDateTime"] = now_ms() / 1000
    for handler in (search.handler, lifecycle.handler):
        handler(heartbeats, deployed.context)

    # When: a store comes that has one projection more, and another in a later version
    projections = [p for p in listed.PROJECTIONS if p is not SummaryProjection]
    monkeypatch.setattr(listed, "PROJECTIONS", (*projections, SummaryOfLater, Starts))

    # Then: it keeps these two itself
    found = read_heartbeats(deployed.table, STREAM_FUNCTIONS)
    assert found.missing(inline_projections(), now_ms()) == {"starts", "summary"}


def test_newer_functions_under_todays_store_keep_all_that_it_relies_on(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeats = sample("heartbeat")
    heartbeats["Records"][0]["dynamodb"]["ApproximateCreationDateTime"] = now_ms() / 1000
    with monkeypatch.context() as newer:
        newer.setattr(listed, "PROJECTIONS", (*listed.PROJECTIONS, Starts))
        for handler in (search.handler, lifecycle.handler):
            handler(heartbeats, deployed.context)

    found = read_heartbeats(deployed.table, STREAM_FUNCTIONS)
    assert found.missing(inline_projections(), now_ms()) == frozenset()


class TestALaterVersion:
    def test_a_later_version_is_announced_and_withdraws_the_earlier_marks(
        self, tmp_path: Path, later: None
    ) -> None:
        table = bare_table(tmp_path / "table.ddb")
        table.write(
            Put({"PK": CONFIG, "SK": "BUILT", "marks": ["fts:name", "summary"], "version": 1})
        )

        announce_newer(table, inline_projections(), ConfigSource(table).current, 5)

        config = ConfigSource(table).read()
        assert config.built == {"fts:name"}
        assert config.building == {"summary@2"}
        assert config.versions == {"summary": 2}

    def test_a_later_version_is_announced_by_a_function_too(
        self, deployed: Deployed, later: None
    ) -> None:
        search.handler(sample("heartbeat"), deployed.context)

        assert ConfigSource(deployed.table).read().building == {"summary@2"}

    def test_a_later_version_is_not_damaged_by_older_code(self, tmp_path: Path) -> None:
        # Given: a run that has ended, with a summary of the later version
        table = bare_table(tmp_path / "table.ddb")
        run_id = run_named(store_on(table), "lion", ended=True)
        key = summary_key(run_id)
        item = {"PK": key[0], "SK": key[1], "form": 2}
        table.write(Put(item))
        announce(table, ["summary@2"], 5)
        config = ConfigSource(table).read
        projector = Projector(table, search_projections(), config)

        # When: older code hears of the run, redrives it, replays the table
        projector.project([ChangeEvent(f"RUN#{run_id}", META)])
        projector.project_entities([Entity(RUN, run_id)])
        result = replayed(table)

        # Then
        assert table.get(key) == item
        assert result.left_alone == ("summary",)
        assert result.built == {"fts:name", "tags:mlflow.*"}
        assert config().building == {"summary@2"}
        assert not drift_of(table).total

    def test_a_later_version_is_built_by_a_replay_once_every_process_has_read_of_it(
        self, tmp_path: Path, later: None
    ) -> None:
        table = bare_table(tmp_path / "table.ddb")
        run_id = run_named(store_on(table), "lion", ended=True)
        waits: list[float] = []

        result = rebuild(scope_of(table), wait=waits.append)

        assert result.built == {"fts:name", "tags:mlflow.*", "summary@2"}
        assert [round(wait) for wait in waits] == [35]
        assert (table.get(summary_key(run_id)) or {})["form"] == 2

    def test_announce_newer_makes_no_request_while_every_version_is_the_first(
        self, tmp_path: Path
    ) -> None:
        table = bare_table(tmp_path / "table.ddb")

        def refuse() -> Config:
            raise AssertionError("the configuration was read")

        announce_newer(table, inline_projections(), refuse, 5)

        assert table.get(BUILT_KEY) is None
