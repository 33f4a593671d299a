"""Postings follow the texts of experiments and runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dynamodbstore_events.keys import META, posting_pk, run_pk, tag_sk
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.projection import FtsProjection, built_mark
from dynamodbstore_projections.fts.reader import lookup
from dynamodbstore_projections.fts.trigrams import required_trigrams, trigrams
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Table, Update
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.utils import mlflow_tags

from tests.projections.entities import (
    EXPERIMENT_ID,
    NOTE,
    RUN_NAME,
    WORKSPACE,
    changed,
    delete_entity,
    delete_tag,
    experiment_entity,
    put_experiment,
    put_run,
    put_tag,
    rename_run,
    run_entity,
)
from tests.projections.postings import (
    fts_projector,
    marks,
    of_entity,
    of_run,
    postings,
)

RUN = run_entity("r1")


@pytest.fixture(params=[False, True], ids=["shared", "exclusive"])
def project(request: pytest.FixtureRequest, sqlite_table: SqliteTable) -> Callable[[], None]:
    """Projects run ``r1`` and experiment 7, as the only writer and as one of many."""
    projector = fts_projector(sqlite_table, exclusive=request.param)

    def run() -> None:
        assert not projector.project_entities([RUN, experiment_entity()]).failed

    return run


def test_a_run_is_posted_under_each_trigram_of_its_name(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "Banana")
    project()
    assert postings(sqlite_table) == of_run("r1", "banana")


def test_an_experiment_is_posted_in_its_workspace(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_experiment(sqlite_table, "Vision")
    project()
    assert postings(sqlite_table) == of_entity(WORKSPACE, "EXP", EXPERIMENT_ID, "vision")


def test_the_tag_is_posted_that_filters_compare(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    # Given: a run whose name differs between its tag and its attribute.
    put_run(sqlite_table, "r1", "attribute")
    put_tag(sqlite_table, RUN.pk, RUN_NAME, "tagged")
    project()
    assert postings(sqlite_table) == of_run("r1", "tagged")


def test_a_name_of_two_letters_has_neither_postings_nor_a_mark(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "ab")
    project()
    assert postings(sqlite_table) == set()
    assert marks(sqlite_table) == {}


@pytest.mark.parametrize("name", ["été à Noël", "数据科学实验", "a\U0001f600b\U0001f601c"])
def test_a_name_of_any_letters_is_posted_by_its_folded_trigrams(
    sqlite_table: SqliteTable, project: Callable[[], None], name: str
) -> None:
    put_run(sqlite_table, "r1", name)
    project()
    assert postings(sqlite_table) == of_run("r1", name.replace("N", "n"))


def test_a_trigram_with_the_separator_in_it_is_escaped(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "a#%b")
    project()
    assert postings(sqlite_table) == {
        (f"FTS#{EXPERIMENT_ID}#RUN#name#a%23%25", "r1"),
        (f"FTS#{EXPERIMENT_ID}#RUN#name#%23%25b", "r1"),
    }


def test_a_rename_moves_the_postings(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "banana")
    project()
    rename_run(sqlite_table, "r1", "bandana")
    project()
    assert postings(sqlite_table) == of_run("r1", "bandana")


def test_a_rename_to_two_letters_takes_everything_away(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "banana")
    project()
    rename_run(sqlite_table, "r1", "ba")
    project()
    assert postings(sqlite_table) == set()
    assert marks(sqlite_table) == {}


def test_the_name_tag_that_is_deleted_takes_the_postings_along(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "banana")
    project()
    delete_tag(sqlite_table, RUN.pk, RUN_NAME)
    project()
    assert postings(sqlite_table) == set()


def test_a_deleted_run_leaves_nothing(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "banana", **{NOTE: "yellow"})
    project()
    delete_entity(sqlite_table, RUN.pk)
    project()
    assert postings(sqlite_table) == set()
    assert marks(sqlite_table) == {}


def test_a_run_that_has_expired_counts_as_gone_with_its_tags_still_there(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "banana")
    project()
    sqlite_table.write(Update((RUN.pk, META), set={"ttl": 1}))
    project()
    assert postings(sqlite_table) == set()
    assert marks(sqlite_table) == {}


def test_a_soft_deleted_run_stays_findable(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "banana")
    sqlite_table.write(Update((RUN.pk, META), set={"stage": "deleted"}))
    project()
    assert postings(sqlite_table) == of_run("r1", "banana")


def test_runs_of_one_name_keep_their_postings_apart(sqlite_table: SqliteTable) -> None:
    # Given: two runs of one name, of which one goes.
    projector = fts_projector(sqlite_table)
    for run_id in ("r1", "r2"):
        put_run(sqlite_table, run_id, "banana")
    projector.project_entities([run_entity("r1"), run_entity("r2")])
    delete_entity(sqlite_table, run_pk("r1"))
    projector.project_entities([run_entity("r1")])
    assert postings(sqlite_table) == of_run("r2", "banana")


def test_descriptions_are_posted_where_the_configuration_names_them(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_experiment(sqlite_table, "ab")
    put_tag(sqlite_table, experiment_entity().pk, NOTE, "Sunny")
    project()
    assert postings(sqlite_table) == of_entity(
        WORKSPACE, "EXP", EXPERIMENT_ID, "sunny", "description"
    )


def test_a_field_that_searches_rely_on_is_kept_whatever_the_process_is_configured_for(
    sqlite_table: SqliteTable,
) -> None:
    config = Config(built=frozenset({built_mark("description")}))
    put_run(sqlite_table, "r1", **{NOTE: "sunny"})
    fts_projector(sqlite_table, config).project_entities([RUN])
    assert postings(sqlite_table) == of_run("r1", "sunny", "description")


def test_a_field_that_is_no_longer_kept_loses_its_postings(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana", **{NOTE: "sunny"})
    fts_projector(sqlite_table).project_entities([RUN])
    fts_projector(sqlite_table, Config()).project_entities([RUN])
    assert postings(sqlite_table) == of_run("r1", "banana")


def test_writes_is_empty_where_the_postings_agree(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana", **{NOTE: "sunny"})
    projector = fts_projector(sqlite_table)
    projector.project_entities([RUN])
    assert projector.project_entities([RUN]).writes == 0


def test_a_name_of_twenty_letters_costs_one_transaction(sqlite_table: SqliteTable) -> None:
    meter = Meter()
    put_run(sqlite_table, "r1", "abcdefghijklmnopqrst")
    fts_projector(CountingTable(sqlite_table, meter)).project_entities([RUN])
    assert meter.take().requests["TransactWriteItems"] == 1


def test_a_change_of_case_writes_nothing(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana")
    projector = fts_projector(sqlite_table)
    projector.project_entities([RUN])
    rename_run(sqlite_table, "r1", "BANANA")
    assert projector.project_entities([RUN]).writes == 0


@pytest.mark.parametrize(
    ("sk", "concerned"),
    [
        (META, True),
        (tag_sk(RUN_NAME), True),
        (tag_sk(NOTE), False),
        (tag_sk("team"), False),
        ("METRIC#loss", False),
    ],
)
def test_concerns_names_and_their_tags_only(sk: str, concerned: bool) -> None:
    assert FtsProjection().looks_at(changed(RUN.pk, sk), Config()) is concerned


def test_concerns_a_description_where_it_is_kept() -> None:
    event = changed(RUN.pk, tag_sk(NOTE))
    assert FtsProjection().looks_at(event, Config(fts_fields=("description",)))


def test_postings_and_marks_concern_no_projection(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana")
    fts_projector(sqlite_table).project_entities([RUN])
    keys = [*postings(sqlite_table), *marks(sqlite_table)]
    events = [changed(pk, sk) for pk, sk in keys]
    assert fts_projector(sqlite_table).project(events).entities == 0


def test_the_tags_are_those_of_mlflow() -> None:
    assert (RUN_NAME, NOTE) == (mlflow_tags.MLFLOW_RUN_NAME, mlflow_tags.MLFLOW_RUN_NOTE)


BUILT = Config(built=frozenset({built_mark("name")}))


def found(table: Table, pattern: str) -> set[str]:
    """The runs that the postings name for a pattern."""
    where = lookup(BUILT, "RUN", EXPERIMENT_ID, "name", required_trigrams(pattern))
    assert where is not None
    ids = [{item["SK"] for item in table.query_all(pk)} for pk in (*where.every, where.always)]
    return set.intersection(*ids[:-1]) | ids[-1]


def test_postings_name_the_candidates_of_a_pattern(sqlite_table: SqliteTable) -> None:
    for run_id, name in (("r1", "banana"), ("r2", "bandana"), ("r3", "cabana")):
        put_run(sqlite_table, run_id, name)
        fts_projector(sqlite_table).project_entities([run_entity(run_id)])
    assert found(sqlite_table, "%BAN%ANA") == {"r1", "r2", "r3"}
    assert found(sqlite_table, "band%") == {"r2"}
    assert found(sqlite_table, "%cherry%") == set()


def test_a_text_too_long_for_trigrams_is_a_candidate_of_every_pattern(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    put_run(sqlite_table, "r1", "x" * 10_001)
    project()
    assert postings(sqlite_table) == {(posting_pk(EXPERIMENT_ID, "RUN", "name", ""), "r1")}
    assert found(sqlite_table, "%cherry%") == {"r1"}


def test_a_text_kept_in_several_items_is_too_long(
    sqlite_table: SqliteTable, project: Callable[[], None]
) -> None:
    # Given: a name that is compressed, and then replaced by a short one.
    put_run(sqlite_table, "r1", "x" * 100_000)
    project()
    assert found(sqlite_table, "%cherry%") == {"r1"}
    rename_run(sqlite_table, "r1", "banana")
    project()
    assert postings(sqlite_table) == of_run("r1", "banana")


def test_a_field_that_is_not_built_can_not_narrow() -> None:
    wanted = trigrams("banana")
    assert lookup(Config(), "RUN", EXPERIMENT_ID, "name", wanted) is None


def test_a_pattern_without_three_letters_in_a_row_can_not_narrow() -> None:
    assert lookup(BUILT, "RUN", EXPERIMENT_ID, "name", required_trigrams("%ab%")) is None


def test_each_experiment_has_a_scope_of_its_own(sqlite_table: SqliteTable) -> None:
    put_run(sqlite_table, "r1", "banana")
    fts_projector(sqlite_table).project_entities([RUN])
    sqlite_table.write(Update((RUN.pk, META), set={"experiment_id": "8"}))
    fts_projector(sqlite_table).project_entities([RUN])
    assert postings(sqlite_table) == of_entity("8", "RUN", "r1", "banana")


def test_the_knowledge_of_what_to_clean_survives_the_partition(sqlite_table: SqliteTable) -> None:
    # Given: a removal that takes META and tags without any old image of them.
    put_run(sqlite_table, "r1", "banana")
    projector = fts_projector(sqlite_table, BUILT)
    projector.project_entities([RUN])
    sqlite_table.write(Delete((RUN.pk, META)), Delete((RUN.pk, tag_sk(RUN_NAME))))

    # When: the event has only the key.
    projector.project([changed(RUN.pk, META, removed=True)])

    # Then
    assert postings(sqlite_table) == set()
