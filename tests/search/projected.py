"""Tables whose projections are kept in step with each write, and the marks that searches heed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dynamodbstore_events.entities import Entity
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.all import search_projections
from dynamodbstore_projections.config import BUILT, DENORMALIZE_TAGS, FTS_TRIGRAM_FIELDS
from dynamodbstore_projections.config_values import FTS_FIELDS
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Observer, Put, Table

SUMMARY = "summary"
NAMES = "fts:name"
DESCRIPTIONS = "fts:description"
SYSTEM_TAGS = "tags:mlflow.*"
TEAM_TAGS = "tags:team*"
EVERYTHING = (SUMMARY, NAMES, DESCRIPTIONS, SYSTEM_TAGS, TEAM_TAGS)


def inline() -> Observer:
    """An observer that keeps every projection that a search may use."""
    return InlineObserver(search_projections(), _no_failure)


def _no_failure(failed: Mapping[Entity, Exception]) -> None:
    raise AssertionError(f"projections failed: {dict(failed)}")


def projected_table(path: Path, patterns: Sequence[str] = ("team*",)) -> SqliteTable:
    """A new embedded table with projections; MLflow's tags and these are denormalized.

    Names and descriptions have postings."""
    table = SqliteTable(path, durability="process", observer=inline())
    table.create()
    configure(table, patterns)
    return table


def configure(table: Table, patterns: Sequence[str]) -> None:
    """Have tags that match the patterns denormalized, and descriptions indexed."""
    # In one write, as who projects remembers for a while what it finds with the first.
    table.write(
        Put({"PK": CONFIG, "SK": DENORMALIZE_TAGS, "patterns": list(patterns)}),
        Put({"PK": CONFIG, "SK": FTS_TRIGRAM_FIELDS, "fields": list(FTS_FIELDS)}),
    )


def mark_built(table: Table, *marks: str) -> None:
    """Let searches rely on these projections, and on no others."""
    table.write(Put({"PK": CONFIG, "SK": BUILT, "marks": list(marks)}))
