"""Postings are exact whoever else is at work, and wherever a projector stops."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dynamodbstore_events.keys import run_pk
from dynamodbstore_projections.fts.posting_marks import Mark
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table

from tests.projections.entities import (
    NOTE,
    delete_entity,
    everything,
    put_run,
    put_tag,
    rename_run,
    run_entity,
)
from tests.projections.interposed import Crash, InterposedTable
from tests.projections.postings import Keys, fts_projector, marks, of_run, postings

Text = str | None
"""A run's name; None is a run that has gone."""

LONG = "".join(chr(0x4E00 + n) for n in range(110))
OTHER_LONG = LONG[:20] + "".join(chr(0x5E00 + n) for n in range(90))
"""Texts with more trigrams than one transaction takes."""


@dataclass(frozen=True)
class Change:
    """What a projector is about to bring in line, and what happens to the run meanwhile."""

    before: Text
    after: Text
    meanwhile: tuple[Text, ...]


CHANGES = {
    "create": Change(None, "banana", ("cherry",)),
    "rename": Change("banana", "bandana", ("banana",)),
    "rename to and fro": Change("banana", "bandana", ("cherry", "bandana")),
    "rename back and again": Change("banana", "bandana", ("banana", "bandana")),
    "delete": Change("banana", None, ("banana",)),
    "rename, then delete": Change("banana", "bandana", (None,)),
    "create long": Change(None, LONG, ("banana",)),
    "rename long": Change(LONG, OTHER_LONG, (LONG,)),
    "rename long back and again": Change(LONG, OTHER_LONG, (LONG, OTHER_LONG)),
    "shorten": Change(LONG, "banana", (OTHER_LONG,)),
    "delete long": Change(LONG, None, (LONG,)),
    "rename long, then delete": Change(LONG, OTHER_LONG, (None,)),
}

changes = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def become(table: Table, run_id: str, text: Text) -> None:
    """Write the run's canonical items."""
    if text is None:
        delete_entity(table, run_pk(run_id))
    elif table.get((run_pk(run_id), "META")) is None:
        put_run(table, run_id, text)
    else:
        rename_run(table, run_id, text)


def project(table: Table, run_id: str) -> None:
    report = fts_projector(table).project_entities([run_entity(run_id)])
    assert not report.failed


def given(table: Table, run_id: str, change: Change) -> None:
    """The run as it was, with its postings, and then changed."""
    become(table, run_id, change.before)
    project(table, run_id)
    become(table, run_id, change.after)


def cut_off(table: Table, run_id: str, requests: int) -> bool:
    """Project, but crash before a request; True if it came so far."""

    def crash(number: int) -> None:
        if number == requests:
            raise Crash

    try:
        project(InterposedTable(table, crash), run_id)
    except Crash:
        return True
    return False


def interrupted(
    table: Table,
    run_id: str,
    at: int,
    meanwhile: Callable[[], None],
    crash_at: int | None = None,
) -> bool:
    """Project, and let something happen before a request; True if it came so far."""
    happened = False

    def interpose(number: int) -> None:
        nonlocal happened
        if number == at:
            happened = True
            meanwhile()
        if number == crash_at:
            raise Crash

    with contextlib.suppress(Crash):
        project(InterposedTable(table, interpose), run_id)
    return happened


def wanted(run_id: str, text: Text) -> Keys:
    return set() if text is None else of_run(run_id, text)


def check(table: Table, rebuilt: Table, last: dict[str, Text]) -> None:
    """The postings are those of each run's last text, and all is as a rebuild makes it."""
    assert postings(table) == set().union(*(wanted(*entry) for entry in last.items()))
    for run_id, text in last.items():
        if text is not None:
            become(rebuilt, run_id, text)
    report = fts_projector(rebuilt).project_entities(map(run_entity, last))
    assert not report.failed
    assert marks(table) == marks(rebuilt)


@pytest.fixture
def sqlite_table(tmp_path: Path) -> Iterator[SqliteTable]:
    """The table that everybody writes to."""
    yield from new_table(tmp_path / "table.ddb")


@pytest.fixture
def rebuilt(tmp_path: Path) -> Iterator[SqliteTable]:
    """A table that is projected only once, at the end."""
    yield from new_table(tmp_path / "rebuilt.ddb")


def new_table(path: Path) -> Iterator[SqliteTable]:
    # These tests make thousands of writes, and no test cuts the power.
    table = SqliteTable(path, durability="process")
    table.create()
    yield table
    table.close()


@changes
def test_a_crash_before_any_request_is_made_up_for(
    sqlite_table: SqliteTable, rebuilt: SqliteTable, change: Change
) -> None:
    last: dict[str, Text] = {}
    crashed = True
    while crashed:
        # Given: a projector that crashes one request later than the one before it.
        run_id = f"r{len(last)}"
        given(sqlite_table, run_id, change)
        crashed = cut_off(sqlite_table, run_id, len(last))

        # When: the event comes again.
        project(sqlite_table, run_id)
        last[run_id] = change.after

    # Then
    assert len(last) > 3
    check(sqlite_table, rebuilt, last)


@changes
def test_a_slow_projector_undoes_nothing_of_another(
    sqlite_table: SqliteTable, rebuilt: SqliteTable, change: Change
) -> None:
    last: dict[str, Text] = {}
    happened = True
    while happened:
        run_id = f"r{len(last)}"
        given(sqlite_table, run_id, change)

        def meanwhile(run_id: str = run_id) -> None:
            for text in change.meanwhile:
                become(sqlite_table, run_id, text)
                project(sqlite_table, run_id)

        # When: everything that comes after was seen to by another, between two of its requests.
        happened = interrupted(sqlite_table, run_id, len(last), meanwhile)
        last[run_id] = change.meanwhile[-1] if happened else change.after

    # Then: nobody has to look again.
    check(sqlite_table, rebuilt, last)


@changes
def test_a_slow_projector_that_crashes_leaves_what_another_did(
    sqlite_table: SqliteTable, rebuilt: SqliteTable, change: Change
) -> None:
    last: dict[str, Text] = {}
    at = 0
    happened = True
    while happened:
        # Given: a projector that does one more request after everything was seen to by another,
        # or two more, and never looks again.
        for more in (1, 2):
            run_id = f"r{at}-{more}"
            given(sqlite_table, run_id, change)

            def meanwhile(run_id: str = run_id) -> None:
                for text in change.meanwhile:
                    become(sqlite_table, run_id, text)
                    project(sqlite_table, run_id)

            happened = interrupted(sqlite_table, run_id, at, meanwhile, crash_at=at + more)
            last[run_id] = change.meanwhile[-1] if happened else change.after
        at += 1

    # Then
    check(sqlite_table, rebuilt, last)


@changes
def test_two_projectors_of_which_one_crashes(
    sqlite_table: SqliteTable, rebuilt: SqliteTable, change: Change
) -> None:
    last: dict[str, Text] = {}
    at = 0
    happened = True
    while happened:
        requests = 0
        crashed = True
        while crashed:
            # Given: at some request of one projector the run changes, and another projector
            # begins with the last change and crashes.
            run_id = f"r{at}-{requests}"
            given(sqlite_table, run_id, change)
            outcome: list[bool] = []

            def meanwhile(
                run_id: str = run_id, requests: int = requests, outcome: list[bool] = outcome
            ) -> None:
                for text in change.meanwhile[:-1]:
                    become(sqlite_table, run_id, text)
                    project(sqlite_table, run_id)
                become(sqlite_table, run_id, change.meanwhile[-1])
                outcome.append(cut_off(sqlite_table, run_id, requests))

            happened = interrupted(sqlite_table, run_id, at, meanwhile)

            # When: the event that the crash cut off comes again.
            project(sqlite_table, run_id)
            last[run_id] = change.meanwhile[-1] if happened else change.after
            crashed = any(outcome)
            requests += 1
        at += 1

    # Then
    check(sqlite_table, rebuilt, last)


def test_projectors_with_the_same_long_text_do_not_hinder_each_other(
    sqlite_table: SqliteTable,
) -> None:
    # Given: a second projector that does one request for each of the first's.
    put_run(sqlite_table, "r1", LONG)

    def help_out(number: int) -> None:
        if number < 4:
            cut_off(sqlite_table, "r1", 3 + number)

    table = InterposedTable(sqlite_table, help_out)
    report = fts_projector(table).project_entities([run_entity("r1")])

    # Then: the first got through without beginning anew each time.
    assert not report.failed
    assert report.passes <= 3
    assert postings(sqlite_table) == of_run("r1", LONG)


def test_moves_that_are_begun_and_never_ended_do_not_pile_up(sqlite_table: SqliteTable) -> None:
    # Given: ten renames, after each of which a projector crashes in the middle of its move.
    put_run(sqlite_table, "r1", LONG)
    for n in range(10):
        text = "".join(chr(0x4E00 + 200 * n + m) for m in range(150))
        rename_run(sqlite_table, "r1", text)
        assert cut_off(sqlite_table, "r1", 4)
        [mark] = marks(sqlite_table).values()
        assert len(Mark.of(mark).texts) <= 5

    # When
    project(sqlite_table, "r1")

    # Then
    assert postings(sqlite_table) == of_run("r1", text)


def test_the_longest_text_that_has_trigrams_is_posted(sqlite_table: SqliteTable) -> None:
    # Given: 10,000 letters, all different.
    text = "".join(chr(0x10000 + n) for n in range(10_000))
    put_run(sqlite_table, "r1", "banana")
    project(sqlite_table, "r1")
    put_tag(sqlite_table, run_pk("r1"), NOTE, text)

    # When
    project(sqlite_table, "r1")

    # Then
    assert len(postings(sqlite_table)) == 9_998 + len(of_run("r1", "banana"))
    assert everything(sqlite_table, "FTSMARK#")


def test_the_postings_of_a_long_text_are_removed(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana")
    put_tag(sqlite_table, run_pk("r1"), NOTE, LONG * 3)
    project(sqlite_table, "r1")
    put_tag(sqlite_table, run_pk("r1"), NOTE, "sunny")
    project(sqlite_table, "r1")
    assert postings(sqlite_table) == of_run("r1", "banana") | of_run("r1", "sunny", "description")


def test_moves_work_on_a_dynamodb_compatible_server(dynoxide_table: DynamoDBTable) -> None:
    for text in ("banana", LONG, OTHER_LONG):
        become(dynoxide_table, "r1", text)
        project(dynoxide_table, "r1")
        assert postings(dynoxide_table) == of_run("r1", text)
    become(dynoxide_table, "r1", None)
    project(dynoxide_table, "r1")
    assert postings(dynoxide_table) == set()
    assert marks(dynoxide_table) == {}
