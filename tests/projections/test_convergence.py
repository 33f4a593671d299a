"""Convergence: whatever happens, the projections end as a fresh rebuild would make them.

Set ``CONVERGENCE_EXAMPLES`` to look at more histories.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import DENORMALIZE_TAGS, FTS_TRIGRAM_FIELDS
from dynamodbstore_table.port import Delete, Put, Table
from hypothesis import HealthCheck, given, note, settings

from tests.projections.aging import RETENTION_DAYS, keep_for
from tests.projections.entities import everything
from tests.projections.histories import Race, histories, races
from tests.projections.rebuilt import differences, is_due_record, rebuilt, relied_on
from tests.projections.steps import DAY, Happening, NewExperiment, NewModel, NewRun
from tests.projections.streamed import FakeTime
from tests.projections.unguarded import UnguardedTable
from tests.projections.world import World

EXAMPLES = int(os.environ.get("CONVERGENCE_EXAMPLES", "120"))
_REQUESTS = 24
"""More than a function makes for a change or two."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[UnguardedTable]]:
    """Three tables for all histories: to make them anew takes longer than a history."""
    directory = tmp_path_factory.mktemp("tables")
    made = [UnguardedTable(directory / f"{n}.ddb", durability="process") for n in range(3)]
    for table in made:
        table.create()
    yield made
    for table in made:
        table.close()


def emptied(table: Table, clock: FakeTime) -> Table:
    """The table without its items, be they expired or not."""
    now, clock.now = clock.now, 0
    table.bulk([Delete(key) for key in everything(table, "")])
    clock.now = now
    return table


def a_world(table: Table, clock: FakeTime) -> World:
    """Two experiments with three runs, and two registered models; projected are also descriptions
    and the tag ``team``."""
    table.write(Put({"PK": CONFIG, "SK": FTS_TRIGRAM_FIELDS, "fields": ["description"]}))
    table.write(Put({"PK": CONFIG, "SK": DENORMALIZE_TAGS, "patterns": ["team"]}))
    keep_for(table, RETENTION_DAYS)
    world = World(table, clock)
    for name in ("first", "second"):
        NewExperiment(0, name).do(world)
        NewModel(0, name).do(world)
    for number in range(3):
        NewRun(0, number % 2, "team", f"run {number}").do(world)
    return world


def assert_converged(world: World, empty: Table) -> None:
    there = everything(world.table, "")
    assert not differences(relied_on(there), rebuilt(there, empty))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories)
def test_projections_end_as_a_rebuild_makes_them(
    tables: list[UnguardedTable], history: Sequence[Happening]
) -> None:
    clock = FakeTime()
    with clock.installed():
        # Given a table, servers and stream functions, and anything that may happen to them
        table, once, again = (emptied(each, clock) for each in tables)
        world = a_world(table, clock)
        for happening in history:
            note(str(happening))
            happening.do(world)
        # When the stream has run dry
        world.drain()
        # Then everything is as a rebuild makes it
        assert_converged(world, once)
        # And when all that was deleted has expired
        clock.pass_by(200 * DAY)
        world.replay()
        world.drain()
        # Then that is so again, and nothing is left to remove
        assert_converged(world, again)
        assert not [item for item in everything(table, "").values() if is_due_record(item)]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(race=races)
def test_projections_converge_wherever_another_change_cuts_in(
    tables: list[UnguardedTable], race: Race
) -> None:
    clock = FakeTime()
    with clock.installed():
        # Given a table that is in order
        table, once, _ = (emptied(each, clock) for each in tables)
        world = a_world(table, clock)
        for step in race.before:
            step.do(world)
        world.drain()
        for request in range(_REQUESTS):
            # When a change, and the work on it, cut into the work on another, wherever it is
            race.at(request).do(world)
            world.drain()
            # Then nothing is lacking
            assert not world.lacking(), request
        # And nothing is left over
        assert_converged(world, once)
