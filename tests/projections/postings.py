"""The postings that exist, and those that should, computed independently of the projection."""

from __future__ import annotations

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.projection import FtsProjection
from dynamodbstore_projections.projector import Projector
from dynamodbstore_table.port import Item, Table

from tests.projections.entities import EXPERIMENT_ID, everything

WITH_DESCRIPTIONS = Config(fts_fields=("description",))

Keys = set[tuple[str, str]]


def fts_projector(
    table: Table, config: Config = WITH_DESCRIPTIONS, *, exclusive: bool = False
) -> Projector:
    """A projector of postings alone."""
    return Projector(table, [FtsProjection()], lambda: config, exclusive=exclusive)


def postings(table: Table) -> Keys:
    """The keys of all postings."""
    return set(everything(table, "FTS#"))


def marks(table: Table) -> dict[tuple[str, str], Item]:
    """All marks by key."""
    return everything(table, "FTSMARK#")


def of_run(run_id: str, text: str, field: str = "name") -> Keys:
    """The postings that a run should have for a text (folded, without ``#`` and ``%``)."""
    return of_entity(EXPERIMENT_ID, "RUN", run_id, text, field)


def of_entity(scope: str, kind: str, entity_id: str, text: str, field: str = "name") -> Keys:
    """The postings that an entity should have for a text."""
    trigrams = {text[i : i + 3] for i in range(len(text) - 2)}
    return {(f"FTS#{scope}#{kind}#{field}#{trigram}", entity_id) for trigram in trigrams}
