"""Candidates from postings: few requests where few match, and always the full scan's answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from dynamodbstore_events.keys import META, posting_pk, run_pk, tag_sk
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts import reader as postings
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.items.texts import text_items
from dynamodbstore_table.port import Delete, Put, Update
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities import ViewType
from mlflow_dynamodbstore.runs.search import RUNS
from mlflow_dynamodbstore.search.clause import Field, clause
from mlflow_dynamodbstore.search.execute import execute
from mlflow_dynamodbstore.search.searchable import Context, Request
from mlflow_dynamodbstore.search.sources import ByKey, ByPostings
from mlflow_dynamodbstore.search.tokens import FIRST_PAGE, PageStart

from tests.search.items import experiment, put_run, run_meta, run_puts
from tests.search.plans import listed, plan
from tests.search.projected import (
    DESCRIPTIONS,
    EVERYTHING,
    NAMES,
    SUMMARY,
    SYSTEM_TAGS,
    projected_table,
)
from tests.search.test_run_search import Searching

NAME = "mlflow.runName"
NOTE = "mlflow.note.content"
NAMES_BUILT = Config(built=frozenset({NAMES}))


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Searching]:
    table = projected_table(tmp_path / "table.ddb")
    yield Searching(table)
    table.close()


def add_named(search: Searching, number: int, *, notes: bool = False) -> None:
    """Runs r0000, r0001, … named ``train run 0``, …; each started 1 ms after the one before."""
    search.table.bulk(
        put
        for n in range(number)
        for put in run_puts(
            run_meta(f"r{n:04d}", n, status="FINISHED", end_time=n),
            tags={NAME: f"train run {n}"} | ({NOTE: f"A note on run {n}."} if notes else {}),
        )
    )


# What it costs


def test_a_rare_name_is_found_without_the_listing(search: Searching) -> None:
    add_named(search, 1200)
    search.built(NAMES, SYSTEM_TAGS, SUMMARY)

    assert search.ids("run_name LIKE '%run 117%'") == [
        *(f"r{n}" for n in range(1179, 1169, -1)),
        "r0117",
    ]

    usage = search.meter.take()
    assert usage.total_requests < 20
    assert usage.requests["BatchGetItem"] == 2
    assert usage.read_units < 60


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searching]:
    table = projected_table(tmp_path_factory.mktemp("many") / "table.ddb")
    searching = Searching(table)
    add_named(searching, 10_000)
    searching.built(NAMES, SYSTEM_TAGS, SUMMARY)
    yield searching
    table.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filter_string", "found"),
    [
        ("run_name ILIKE '%RUN 7654'", ["r7654"]),
        ("run_name LIKE '%run 765%'", [*(f"r{n}" for n in range(7659, 7649, -1)), "r0765"]),
    ],
)
def test_a_rare_name_among_ten_thousand_costs_no_more(
    ten_thousand: Searching, filter_string: str, found: list[str]
) -> None:
    assert ten_thousand.ids(filter_string) == found

    usage = ten_thousand.meter.take()
    assert usage.total_requests < 20
    assert usage.read_units < 100


def test_where_many_have_the_trigrams_the_listing_is_read(
    search: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_LONGEST_PAGE", 20)
    add_named(search, 50)
    search.built(NAMES, SYSTEM_TAGS, SUMMARY)

    assert len(search.ids("run_name LIKE '%train%'", limit=10)) == 10

    # The experiment; four trigrams, and the listing; summaries.
    assert search.meter.take().requests == {"GetItem": 1, "Query": 4 + 1, "BatchGetItem": 1}


def test_where_many_candidates_are_left_the_listing_is_read(
    search: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "MOST_CANDIDATES", 20)
    add_named(search, 30)
    search.built(NAMES, SYSTEM_TAGS, SUMMARY)

    assert len(search.ids("run_name LIKE '%train%'")) == 30

    # The experiment; four trigrams, and the listing; summaries.
    assert search.meter.take().requests == {"GetItem": 1, "Query": 4 + 1, "BatchGetItem": 1}


# What stands in the way


def test_postings_of_runs_that_have_gone_are_dropped(search: Searching) -> None:
    add_named(search, 3)
    search.built(NAMES)
    search.table.write(
        *(
            Put({"PK": posting_pk("1", "RUN", "name", trigram), "SK": "gone"})
            for trigram in ("run", "un ", "n 1")
        )
    )

    assert search.ids("run_name LIKE '%run 1'") == ["r0001"]


def test_a_renamed_run_is_found_by_its_new_name_alone(search: Searching) -> None:
    add_named(search, 3)
    search.built(NAMES)
    search.table.write(Put(text_items(run_pk("r0001"), tag_sk(NAME), NAME, "evaluation").item))

    assert search.ids("run_name LIKE '%evalu%'") == ["r0001"]
    assert search.ids("run_name LIKE '%run%'") == ["r0002", "r0000"]


def test_a_run_out_of_view_or_of_the_times_is_no_match(search: Searching) -> None:
    add_named(search, 5)
    search.table.write(Update((run_pk("r0003"), META), set={"stage": "deleted"}))
    search.built(NAMES)

    filter_string = "run_name LIKE '%train%' AND start_time > 1 AND user_id ILIKE 'ADA'"

    assert search.ids(filter_string) == ["r0004", "r0002"]
    assert search.ids(filter_string, view=ViewType.DELETED_ONLY) == ["r0003"]
    assert search.ids("run_name LIKE '%train%' AND status = 'RUNNING'") == []


def test_names_and_descriptions_narrow_together(search: Searching) -> None:
    add_named(search, 5, notes=True)
    put_run(search.table, run_meta("long", 9), tags={NAME: "train run", NOTE: "run 3." * 2000})
    search.built(NAMES, DESCRIPTIONS)

    assert search.ids(f"run_name LIKE 'train%' AND tags.`{NOTE}` LIKE '%run 3.%'") == [
        "long",
        "r0003",
    ]


@pytest.mark.parametrize("order_by", [None, ["start_time ASC"], ["metrics.m"]])
def test_tokens_go_on_with_another_source_of_candidates(
    search: Searching, order_by: list[str] | None
) -> None:
    add_named(search, 12)
    whole = search.ids("run_name LIKE '%run 1%'", order_by)
    search.built(NAMES)
    first, token = search("run_name LIKE '%run 1%'", order_by, limit=2)
    search.built()

    rest = search.ids("run_name LIKE '%run 1%'", order_by, token=token)

    assert [run.info.run_id for run in first] + rest == whole
    assert len(whole) == 3


# Plans


@pytest.mark.parametrize(
    "filter_string",
    [
        "run_name LIKE '%run%'",
        "run_name ILIKE 'Abc'",
        "run_name = 'train'",
        f"tags.`{NAME}` LIKE '%a%bcd_'",
    ],
)
def test_three_characters_in_a_row_narrow(filter_string: str) -> None:
    made = plan(filter_string, config=NAMES_BUILT)

    assert isinstance(made.sources[0], ByPostings)
    text = "\n".join(made.lines())
    assert "candidates: runs by postings of name" in text
    assert "1 listing(s) of runs, read newest first" in text


@pytest.mark.parametrize(
    "filter_string",
    ["run_name LIKE '%ru%n_%'", "run_name != 'train'", "tags.a LIKE '%abc%'", "run_name LIKE '%'"],
)
def test_what_has_no_trigrams_reads_the_listing(filter_string: str) -> None:
    made = plan(filter_string, config=NAMES_BUILT)

    assert made.sources == (listed(made),)


def test_postings_that_are_not_built_are_not_read() -> None:
    made = plan("run_name LIKE '%abc%'", config=Config())
    note = plan(f"tags.`{NOTE}` LIKE '%abc%'", config=NAMES_BUILT)

    assert made.sources == (listed(made),)
    assert note.sources == (listed(note),)


def test_many_experiments_are_listed() -> None:
    many, few = (
        plan(text, config=NAMES_BUILT, experiments=[experiment(e) for e in ids])
        for text, ids in (
            ("run_name LIKE '%abc%'", "12345678"),
            ("run_name LIKE '%abcdefgh%'", "123"),
        )
    )

    assert many.sources == (listed(many),)
    assert isinstance(few.sources[0], ByPostings)
    assert "in 12 queries" in "\n".join(few.lines())


def test_named_runs_are_read_by_key() -> None:
    made = plan("run_name LIKE '%abc%' AND run_id = 'a'", config=NAMES_BUILT)

    assert made.sources == (ByKey(((run_pk("a"), META),)),)


# The full scan's answer, for any data and pattern


characters = st.sampled_from("aAbB%_é\0\n日😀 ")
long_text = "aab" * 4000
names = st.one_of(st.text(characters, max_size=9), st.sampled_from((long_text, "abB" * 9)))
parts = st.sampled_from(("aab", "ABB", "bbé", "%", "_", "日😀 ", "a"))
patterns = st.one_of(
    st.text(characters, max_size=7),
    st.lists(parts, max_size=4).map("".join),
    st.lists(parts, min_size=1, max_size=2).map(lambda some: f"%{'%'.join(some)}%"),
)
clauses = st.lists(
    st.tuples(st.sampled_from((NAME, NOTE)), st.sampled_from(("LIKE", "ILIKE", "=")), patterns),
    min_size=1,
    max_size=2,
)
populations = st.lists(
    st.tuples(names, names | st.none(), st.sampled_from(("stays", "renamed", "cut", "goes"))),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteTable]:
    table = projected_table(tmp_path_factory.mktemp("postings") / "table.ddb")
    yield table
    table.close()


experiment_ids = count(1)
EVERYTHING_BUILT = Config(patterns=("mlflow.*", "team*"), built=frozenset(EVERYTHING))
POSTINGS_BUILT = Config(built=frozenset({NAMES, DESCRIPTIONS}))


@settings(
    max_examples=250,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    runs=populations,
    filters=clauses,
    order=st.sampled_from(([], ["start_time ASC"], ["start_time DESC", "run_id DESC"], ["run_id"])),
    config=st.sampled_from((EVERYTHING_BUILT, POSTINGS_BUILT)),
)
def test_answers_are_those_of_a_full_scan(
    table: SqliteTable,
    runs: list[tuple[str, str | None, str]],
    filters: list[tuple[str, str, str]],
    order: list[str],
    config: Config,
) -> None:
    experiment_id = str(next(experiment_ids))
    for n, (name, note, then) in enumerate(runs):
        run_id = f"{experiment_id}-{n}"
        put_run(
            table,
            run_meta(run_id, n // 2, experiment_id, status=("RUNNING", "FINISHED")[n % 2]),
            tags={NAME: name, NOTE: note},
        )
        if then == "renamed":
            table.write(Put(text_items(run_pk(run_id), tag_sk(NAME), NAME, name[::-1]).item))
        elif then == "cut":
            table.write(Delete((run_pk(run_id), tag_sk(NOTE))))
        elif then == "goes":
            table.write(Delete((run_pk(run_id), META)))

    by_postings = _pages(table, experiment_id, filters, order, config)

    assert by_postings == _pages(table, experiment_id, filters, order, Config())


def _pages(
    table: SqliteTable,
    experiment_id: str,
    filters: list[tuple[str, str, str]],
    order: list[str],
    config: Config,
) -> list[list[str]]:
    """The ids on each page of two."""
    searched = {experiment_id: experiment(experiment_id)}
    request = Request(None, 2, order, experiment_ids=[experiment_id], view_type=ViewType.ALL)
    context = Context(lambda: config, experiments=lambda wanted: searched)
    filtered = tuple(
        clause(Field("tags", key), comparator, text) for key, comparator, text in filters
    )
    pages: list[list[str]] = []
    start: PageStart | None = FIRST_PAGE
    while start is not None:
        query = replace(RUNS.parse(request), clauses=filtered, start=start)
        runs, start = execute(table, RUNS.plan(request, query, context))
        pages.append([run.info.run_id for run in runs])
    return pages
