"""Tags that META items hold: the table filters by them, and their items are not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from dynamodbstore_events.keys import META, run_pk
from dynamodbstore_projections.config import Config
from dynamodbstore_table.conditions import Compare, Exists, Missing
from dynamodbstore_table.port import Update

from tests.search.items import experiment, put_run, run_meta
from tests.search.plans import filtered, listed, on_meta, plan
from tests.search.projected import SYSTEM_TAGS, TEAM_TAGS, projected_table
from tests.search.test_run_search import Searching

LONG = "red" + "x" * 300

TAGS: Mapping[str, Mapping[str, str | None]] = {
    "red": {"team": "red"},
    "Red": {"team": "Red"},
    "blue": {"team": "blue", "team2": "red"},
    "empty": {"team": ""},
    "none": {},
    "null": {"team": None},
    "long": {"team": LONG},
    "many": {**{f"team{n}": "x" * 60 for n in range(60)}, "team": "red" + "y" * 250},
    "other": {"other": "red"},
}
PLAN_OF_TEAMS = Config(patterns=("team*",), built=frozenset({TEAM_TAGS}))


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Searching]:
    table = projected_table(tmp_path / "table.ddb")
    yield Searching(table)
    table.close()


def add_teams(search: Searching) -> None:
    for number, (run_id, tags) in enumerate(TAGS.items()):
        put_run(search.table, run_meta(run_id, number), tags=tags, metrics={"m": number})


@pytest.mark.parametrize(
    "filter_string",
    [
        "tags.team = 'red'",
        "tags.team != 'red'",
        "tags.team LIKE 're%'",
        "tags.team LIKE '%e%'",
        "tags.team LIKE '%d'",
        "tags.team LIKE '_ed'",
        "tags.team ILIKE 'RED%'",
        "tags.team = ''",
        f"tags.team = '{LONG}'",
        "tags.team IS NULL",
        "tags.team IS NOT NULL",
        "tags.team IS NOT NULL AND metrics.m > 3",
        "tags.team7 IS NULL",
        "tags.other = 'red' AND tags.team IS NULL",
        "run_id IN ('red', 'null', 'long') AND tags.team LIKE 'red%'",
    ],
)
def test_a_filter_finds_what_it_finds_by_the_items(search: Searching, filter_string: str) -> None:
    add_teams(search)
    by_items = search.ids(filter_string)
    search.built(TEAM_TAGS)

    assert search.ids(filter_string) == by_items


@pytest.mark.parametrize(
    ("filter_string", "found"),
    [
        ("tags.team = 'red'", 10),
        ("tags.team LIKE 're%'", 10),
        ("tags.team ILIKE '%ED'", 10),
        ("tags.team IS NULL", 0),
        ("tags.team IS NOT NULL", 30),
        ("tags.team != 'red'", 20),
        ("run_name = 'run 7'", 1),
    ],
)
def test_a_filter_reads_no_tag(search: Searching, filter_string: str, found: int) -> None:
    for n in range(30):
        tags = {"team": ("red", "blue", "green")[n % 3], "mlflow.runName": f"run {n}"}
        put_run(search.table, run_meta(f"r{n:04d}", n), tags=tags)
    search.built(TEAM_TAGS, SYSTEM_TAGS)

    assert len(search.ids(filter_string)) == found

    usage = search.meter.take()
    # The experiment; the listing (again where a filter drops some), and the runs found.
    assert usage.requests["GetItem"] == 1
    assert usage.requests["Query"] <= 2 + found
    assert "BatchGetItem" not in usage.requests


def test_only_runs_whose_meta_does_not_tell_the_tag_are_asked_for_it(search: Searching) -> None:
    for n in range(30):
        put_run(search.table, run_meta(f"r{n:04d}", n), tags={"team": LONG if n == 7 else "red"})
    search.built(TEAM_TAGS)

    assert search.ids(f"tags.team = '{LONG}'") == ["r0007"]

    usage = search.meter.take()
    assert usage.requests["BatchGetItem"] == 1
    # That one item's; the experiment's; half of the listing's pages' and of the run's.
    assert usage.read_units < 10


def test_runs_that_the_projection_has_not_reached_are_found_all_the_same(
    search: Searching,
) -> None:
    put_run(search.table, run_meta("late"), tags={"team": "red"})
    search.table.write(Update((run_pk("late"), META), remove=("tag.team", "tagged")))
    search.built(TEAM_TAGS)

    assert search.ids("tags.team = 'red'") == ["late"]
    assert search.ids("tags.team IS NULL") == []


def test_an_order_by_a_tag_reads_no_tag(search: Searching) -> None:
    for n in range(30):
        put_run(search.table, run_meta(f"r{n:04d}", n), tags={"team": f"{n * 7 % 30:02d}"})
    search.built(TEAM_TAGS)

    found = search.ids(order_by=["tags.team DESC"], limit=2)

    assert [int(run_id[1:]) * 7 % 30 for run_id in found] == [29, 28]
    assert search.meter.take().requests == {"GetItem": 1, "Query": 1 + 2}


def test_a_plan_pushes_down_what_may_match() -> None:
    made = plan("tags.team = 'red' AND tags.team2 IS NULL", config=PLAN_OF_TEAMS)

    assert on_meta(made) == {"team": "tag.team", "team2": "tag.team2"}
    pushed = str(listed(made).listings[0].filter)
    assert str(Compare("tag.team", "=", "red")) in pushed
    assert str(Missing("tag.team2")) in pushed
    text = "\n".join(made.lines())
    assert "table filters: tags.team = 'red'; tags.team2 IS NULL" in text
    assert "from META items that have the tag, else from its item: tags.team = 'red'" in text


def test_a_plan_reads_tags_that_are_not_built_by_key() -> None:
    made = plan("tags.team IS NOT NULL", config=Config(patterns=("team*",)))

    assert on_meta(made) == {}
    assert filtered(made) == []
    assert str(Exists("tag.team")) not in str(listed(made).listings[0].filter)
    assert "from items TAG#team, read of each candidate" in "\n".join(made.lines())


def test_a_pattern_of_one_experiment_serves_searches_of_it_alone() -> None:
    config = Config(
        patterns=(), experiment_patterns={"1": ("team",)}, built=frozenset({"tags#1:team"})
    )

    of_one = plan("tags.team = 'red'", config=config)
    of_two = plan("tags.team = 'red'", config=config, experiments=[experiment(e) for e in "12"])

    assert on_meta(of_one) == {"team": "tag.team"}
    assert on_meta(of_two) == {}
