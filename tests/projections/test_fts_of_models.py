"""Postings follow the names of registered models."""

from __future__ import annotations

import pytest
from dynamodbstore_events.entities import DELETING, REGISTERED_MODEL, Entity
from dynamodbstore_events.keys import META, registered_model_pk, tag_sk, version_sk
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.projection import FtsProjection
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.view import View
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Delete, Put, Table, Update

from tests.projections.entities import WORKSPACE, changed
from tests.projections.postings import fts_projector, marks, of_entity, postings

KEY = "0f" * 16
PK = registered_model_pk(KEY)
MODEL = Entity(REGISTERED_MODEL, KEY)


@pytest.fixture
def projector(sqlite_table: SqliteTable) -> Projector:
    return fts_projector(sqlite_table)


def put_model(table: Table, name: str) -> None:
    meta = {"name": name, "workspace": WORKSPACE, "description": "tabular", "updated": 1}
    table.write(Put({"PK": PK, "SK": META, **meta}))


def test_a_model_is_posted_in_its_workspace_by_its_name_alone(
    sqlite_table: SqliteTable, projector: Projector
) -> None:
    put_model(sqlite_table, "Forest")

    projector.project([changed(PK, META)])

    assert postings(sqlite_table) == of_entity(WORKSPACE, "RM", KEY, "forest")


def test_a_rename_moves_the_postings(sqlite_table: SqliteTable, projector: Projector) -> None:
    put_model(sqlite_table, "forest")
    projector.project([changed(PK, META)])

    sqlite_table.write(Update((PK, META), set={"name": "foresight"}))
    projector.project([changed(PK, META)])

    assert postings(sqlite_table) == of_entity(WORKSPACE, "RM", KEY, "foresight")


def test_a_model_that_is_being_deleted_has_no_postings(
    sqlite_table: SqliteTable, projector: Projector
) -> None:
    put_model(sqlite_table, "forest")
    projector.project([changed(PK, META)])

    sqlite_table.write(Update((PK, META), set={DELETING: True}))
    projector.project([changed(PK, META)])

    assert postings(sqlite_table) == set()
    assert marks(sqlite_table) == {}


def test_a_model_that_has_gone_has_no_postings(
    sqlite_table: SqliteTable, projector: Projector
) -> None:
    put_model(sqlite_table, "forest")
    projector.project_entities([MODEL])

    sqlite_table.write(Delete((PK, META)))
    projector.project([changed(PK, META, removed=True)])

    assert postings(sqlite_table) == set()


def test_postings_of_a_model_that_is_marked_meanwhile_are_refused(
    sqlite_table: SqliteTable,
) -> None:
    # Given: the writes of someone who has read the model just before it was marked.
    put_model(sqlite_table, "forest")
    (adding,) = FtsProjection().writes(MODEL, View(sqlite_table), Config())
    sqlite_table.write(Update((PK, META), set={DELETING: True}))

    assert isinstance(adding, tuple)
    with pytest.raises(ConditionFailed):
        sqlite_table.write(*adding)


@pytest.mark.parametrize("sk", [version_sk(1), tag_sk("team"), "TEXT#0a#0000"])
def test_versions_and_tags_concern_no_postings(sk: str) -> None:
    assert not FtsProjection().looks_at(changed(PK, sk), Config(fts_fields=("description",)))
