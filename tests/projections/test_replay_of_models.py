"""A replay builds the postings of registered models, and heals what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dynamodbstore_events.keys import META, posting_mark_pk, registered_model_key
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Delete, Put, Table
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.projections.postings import marks, of_entity, postings
from tests.projections.replays import bare_table, contents, drift_of, inline_table, replayed


def registered(table: Table) -> DynamoRegistryStore:
    """A registry with models of two versions, of which one was renamed and one deleted."""
    store = DynamoRegistryStore(table)
    for name in ("forest", "boosting", "forgotten"):
        store.create_registered_model(name)
        for _ in range(2):
            store.create_model_version(name, "s3://bucket/model")
    store.rename_registered_model("boosting", "boosted")
    store.delete_registered_model("forgotten")
    return store


def key(name: str) -> str:
    return registered_model_key("default", name)


@pytest.fixture
def bare(tmp_path: Path) -> SqliteTable:
    """A registry whose projections nobody keeps."""
    table = bare_table(tmp_path / "bare.ddb")
    registered(table)
    return table


def test_the_postings_are_those_that_are_kept_inline(bare: SqliteTable, tmp_path: Path) -> None:
    inline = inline_table(tmp_path / "inline.ddb")
    registered(inline)

    replayed(bare)

    assert postings(bare) == postings(inline)
    assert postings(bare) == {
        *of_entity("default", "RM", key("forest"), "forest"),
        *of_entity("default", "RM", key("boosting"), "boosted"),
    }
    assert marks(bare).keys() == {
        (posting_mark_pk("RM", key(name)), "name") for name in ("forest", "boosting")
    }


def test_there_is_no_drift_after_a_replay(bare: SqliteTable) -> None:
    replayed(bare)
    before = contents(bare)

    assert drift_of(bare).total == 0
    replayed(bare)
    assert contents(bare) == before


def test_missing_and_stale_postings_are_found_and_healed(bare: SqliteTable) -> None:
    # Given: a posting that is not there, and those of a model that someone removed by hand.
    replayed(bare)
    missing = ("FTS#default#RM#name#for", key("forest"))
    bare.write(Delete(missing), Delete((f"RM#{key('boosting')}", META)))
    bare.write(Put({"PK": "FTS#default#RM#name#xyz", "SK": key("forest")}))

    drift = drift_of(bare, "fts")
    assert {kind for _, kind in drift.counts} == {"missing", "stale"}

    replayed(bare)

    assert postings(bare) == of_entity("default", "RM", key("forest"), "forest")
    assert drift_of(bare).total == 0
