"""Tags on META follow the tags and the patterns."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from dynamodbstore_events.keys import META, tag_sk
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.tags.projection import (
    MOST_BYTES,
    MOST_TAGS,
    TagsProjection,
    built_mark,
)
from dynamodbstore_projections.tags.reader import Known, denormalized_tag, known_tag, may_hold
from dynamodbstore_table.conditions import Compare
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.port import Delete, Table, Update

from tests.projections.entities import (
    EXPERIMENT_ID,
    changed,
    delete_entity,
    delete_tag,
    experiment_entity,
    put_experiment,
    put_run,
    put_tag,
    run_entity,
)
from tests.projections.interposed import Crash, InterposedTable

RUN = run_entity("r1")
TEAM = Config(patterns=("mlflow.*", "team*"))


def tags_projector(table: Table, config: Config = TEAM, *, exclusive: bool = False) -> Projector:
    return Projector(table, [TagsProjection()], lambda: config, exclusive=exclusive)


def on_meta(table: Table, pk: str = RUN.pk) -> dict[str, Any]:
    """The attributes of META that the projection keeps."""
    meta = table.get((pk, META))
    assert meta is not None
    return {n: v for n, v in meta.items() if n == "tagged" or n.startswith("tag.")}


@pytest.fixture(params=[False, True], ids=["shared", "exclusive"])
def project(request: pytest.FixtureRequest, sqlite_table: SqliteTable) -> Callable[[], None]:
    """Projects run ``r1`` and experiment 7, as the only writer and as one of many."""
    projector = tags_projector(sqlite_table, exclusive=request.param)

    def run() -> None:
        assert not projector.project_entities([RUN, experiment_entity()]).failed

    return run


def test_a_run_has_the_tags_that_match_and_no_others(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "banana", team="blue", owner="ada")
    project()
    assert on_meta(sqlite_table) == {
        "tag.mlflow.runName": "banana",
        "tag.team": "blue",
        "tagged": True,
    }


def test_an_experiment_has_the_tags_that_match(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_experiment(sqlite_table, "fruit")
    put_tag(sqlite_table, experiment_entity().pk, "team", "blue")
    project()
    assert on_meta(sqlite_table, experiment_entity().pk) == {"tag.team": "blue", "tagged": True}


def test_a_changed_tag_is_changed_on_meta(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", team="blue")
    project()
    put_tag(sqlite_table, RUN.pk, "team", "red")
    project()
    assert on_meta(sqlite_table)["tag.team"] == "red"


def test_a_deleted_tag_goes_from_meta(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", team="blue")
    project()
    delete_tag(sqlite_table, RUN.pk, "team")
    project()
    assert on_meta(sqlite_table) == {"tagged": True}


def test_a_tag_that_no_longer_matches_goes_from_meta(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana", team="blue")
    tags_projector(sqlite_table).project_entities([RUN])
    tags_projector(sqlite_table, Config()).project_entities([RUN])
    assert on_meta(sqlite_table) == {"tag.mlflow.runName": "banana", "tagged": True}


def test_the_patterns_of_its_experiment_add_to_the_global_ones(
    sqlite_table: SqliteTable,
) -> None:
    put_run(sqlite_table, "r1", "banana", team="blue", owner="ada")
    config = Config(experiment_patterns={EXPERIMENT_ID: ("own*",), "8": ("team",)})
    tags_projector(sqlite_table, config).project_entities([RUN])
    assert on_meta(sqlite_table) == {
        "tag.mlflow.runName": "banana",
        "tag.owner": "ada",
        "tagged": True,
    }


@pytest.mark.parametrize(
    "value",
    ["x" * 257, "é" * 129, "x" * 100_000, None],
    ids=["257 letters", "258 bytes", "compressed", "NULL"],
)
def test_a_value_that_is_no_short_text_leaves_a_mark(
    sqlite_table: SqliteTable, project: Callable[[], None], value: str | None
) -> None:
    put_run(sqlite_table, "r1", team=value)
    project()
    assert on_meta(sqlite_table) == {"tag.team": True, "tagged": True}


def test_a_value_of_256_bytes_is_kept(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", team="é" * 128)
    project()
    assert on_meta(sqlite_table)["tag.team"] == "é" * 128


def test_a_value_split_over_items_leaves_one_mark(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    # Given: text that zlib can't make small.
    put_run(sqlite_table, "r1", team=random.Random(1).randbytes(400_000).hex())
    assert len(list(sqlite_table.query_all(RUN.pk))) > 2
    project()
    assert on_meta(sqlite_table) == {"tag.team": True, "tagged": True}


def test_a_hashed_key_is_read_from_its_item(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    # Given: a key that is kept as a hash, and is too long for META's room.
    key = "team" + "é" * 500
    put_run(sqlite_table, "r1", **{key: "blue"})
    project()

    # Then: META is not marked as having every tag.
    assert on_meta(sqlite_table) == {}
    assert TagsProjection().looks_at(changed(RUN.pk, tag_sk(key)), TEAM)


def test_meta_stays_small_however_many_tags_match(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", **{f"team{n:03d}": "x" * n for n in range(100)})
    project()
    kept = on_meta(sqlite_table)
    assert item_size(kept) <= MOST_BYTES
    assert 0 < len(kept) <= MOST_TAGS


def test_a_value_without_room_leaves_a_mark_while_there_is_room_for_its_name(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    # Given: three values of which two fit.
    put_run(sqlite_table, "r1", team1="a" * 240, team2="b" * 241, team3="c" * 242)
    project()
    assert on_meta(sqlite_table) == {
        "tag.team1": "a" * 240,
        "tag.team2": "b" * 241,
        "tag.team3": True,
        "tagged": True,
    }


def test_many_short_tags_can_all_change_at_once(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", **{f"team{n}": "" for n in range(60)})
    project()
    before = on_meta(sqlite_table)
    for n in range(60):
        delete_tag(sqlite_table, RUN.pk, f"team{n}")
        put_tag(sqlite_table, RUN.pk, f"teams{n}", "")
    project()
    assert len(before) == MOST_TAGS
    assert not before.keys() & on_meta(sqlite_table).keys()


def test_writes_is_empty_where_meta_agrees(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana", team=None)
    projector = tags_projector(sqlite_table)
    projector.project_entities([RUN])
    assert projector.project_entities([RUN]).writes == 0


def test_a_run_that_has_gone_is_not_created_again(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", team="blue")
    sqlite_table.write(Delete((RUN.pk, META)))
    project()
    assert sqlite_table.get((RUN.pk, META)) is None


def test_a_run_that_goes_in_between_is_not_created_again(sqlite_table: SqliteTable) -> None:
    # Given: a run that is deleted before each of the projector's requests in turn.
    for at in range(4):
        put_run(sqlite_table, "r1", team="blue")

        def delete(number: int, at: int = at) -> None:
            if number == at:
                delete_entity(sqlite_table, RUN.pk)

        report = tags_projector(InterposedTable(sqlite_table, delete)).project_entities([RUN])
        assert not report.failed
        assert list(sqlite_table.query_all(RUN.pk)) == []


def test_a_slow_projector_does_not_undo_a_later_value(sqlite_table: SqliteTable) -> None:
    # Given: a change that another projector sees to, before each of the slow one's requests.
    for at in range(3):
        put_run(sqlite_table, "r1", team="blue")

        def change(number: int, at: int = at) -> None:
            if number == at:
                put_tag(sqlite_table, RUN.pk, "team", "red")
                tags_projector(sqlite_table).project_entities([RUN])

        tags_projector(InterposedTable(sqlite_table, change)).project_entities([RUN])
        assert on_meta(sqlite_table)["tag.team"] == "red"


def test_a_slow_projector_that_crashes_does_not_undo_a_later_value(
    sqlite_table: SqliteTable,
) -> None:
    # Given: a change that another projector sees to, before each of the requests of a slow one
    # that ends before it looks again.
    for at in range(3):
        put_run(sqlite_table, "r1", team="blue")

        def change(number: int, at: int = at) -> None:
            if number == at:
                put_tag(sqlite_table, RUN.pk, "team", "red")
                tags_projector(sqlite_table).project_entities([RUN])
            if number == 3:
                raise Crash

        with contextlib.suppress(Crash):
            tags_projector(InterposedTable(sqlite_table, change)).project_entities([RUN])

        assert on_meta(sqlite_table)["tag.team"] == "red", at


def test_a_tag_that_changes_to_and_fro_ends_as_it_is(sqlite_table: SqliteTable) -> None:
    # Given: a value that changes between the read of the tags and the write of META, and back.
    put_run(sqlite_table, "r1", team="red")
    tags_projector(sqlite_table).project_entities([RUN])
    put_tag(sqlite_table, RUN.pk, "team", "blue")

    def back(number: int) -> None:
        if number == 2:
            put_tag(sqlite_table, RUN.pk, "team", "red")
            tags_projector(sqlite_table).project_entities([RUN])

    tags_projector(InterposedTable(sqlite_table, back)).project_entities([RUN])
    assert on_meta(sqlite_table)["tag.team"] == "red"


@pytest.mark.parametrize(
    ("sk", "concerned"),
    [
        (META, True),
        (tag_sk("team"), True),
        (tag_sk("team#1"), True),
        (tag_sk("mlflow.user"), True),
        (tag_sk("owner"), False),
        (f"{tag_sk('team')}#+0#0000", False),
        ("PARAM#team", False),
    ],
)
def test_concerns_meta_and_tags_that_may_match(sk: str, concerned: bool) -> None:
    assert TagsProjection().looks_at(changed(RUN.pk, sk), TEAM) is concerned


def test_concerns_no_other_kinds_of_entities() -> None:
    assert not TagsProjection().looks_at(changed("LM#m1", tag_sk("team")), TEAM)


def test_searches_rely_on_a_tag_where_a_pattern_of_it_is_built() -> None:
    config = Config(patterns=("mlflow.*", "team*"), built=frozenset({built_mark("team*")}))
    assert denormalized_tag(config, "7", "team") == "tag.team"
    assert denormalized_tag(config, "7", "mlflow.user") is None
    assert denormalized_tag(config, "7", "owner") is None


def test_a_pattern_that_is_built_for_one_experiment_does_not_count_for_another() -> None:
    config = Config(
        experiment_patterns={"7": ("team",), "8": ("team",)},
        built=frozenset({built_mark("team", "7")}),
    )
    assert denormalized_tag(config, "7", "team") == "tag.team"
    assert denormalized_tag(config, "8", "team") is None


def test_a_pattern_that_was_removed_is_not_relied_on() -> None:
    assert denormalized_tag(Config(built=frozenset({built_mark("team")})), "7", "team") is None


@pytest.mark.parametrize(
    ("meta", "known", "may"),
    [
        ({"tag.team": "blue", "tagged": True}, Known("blue"), True),
        ({"tag.team": "red", "tagged": True}, Known("red"), False),
        ({"tagged": True}, Known(None), False),
        ({"tag.team": True, "tagged": True}, None, True),
        ({}, None, True),
        ({"tag.team": "red"}, Known("red"), False),
    ],
    ids=["equal", "other", "missing", "verify", "not looked at", "other, not all on META"],
)
def test_known_tag_returns_what_meta_has(
    meta: dict[str, Any], known: Known | None, may: bool
) -> None:
    assert known_tag(meta, "tag.team") == known
    assert may_hold("tag.team", Compare("tag.team", "=", "blue")).holds(meta) is may


def test_a_run_is_found_by_the_pushed_condition_exactly_where_it_may_match(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", team="blue")
    project()
    sqlite_table.write(Update((RUN.pk, META), set={"gsi1pk": "runs", "gsi1sk": "1"}))

    def found(team: str) -> int:
        condition = may_hold("tag.team", Compare("tag.team", "=", team))
        page = sqlite_table.query("runs", index="GSI1", filter=condition, consistent=False)
        return len(page.items)

    assert (found("blue"), found("red")) == (1, 0)
