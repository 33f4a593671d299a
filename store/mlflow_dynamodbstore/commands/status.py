"""``mlflow-dynamodbstore status``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import click
from dynamodbstore_events.entities import entity_of
from dynamodbstore_events.keys import Key
from dynamodbstore_projections.all import STREAM_FUNCTIONS, inline_projections
from dynamodbstore_projections.built import BUILT_KEY
from dynamodbstore_projections.drivers.replay import Scope, compare
from dynamodbstore_projections.drivers.sources import KeyPage, Position
from dynamodbstore_projections.heartbeat import read_heartbeats
from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.commands.keeper import keeper, problems
from mlflow_dynamodbstore.commands.status_report import Found, print_report
from mlflow_dynamodbstore.commands.status_report import as_json as report_json
from mlflow_dynamodbstore.commands.stream_lag import stream_lag
from mlflow_dynamodbstore.commands.table_options import FAILED, opened, table_command
from mlflow_dynamodbstore.commands.table_sample import sample_of
from mlflow_dynamodbstore.location import Location, RegionLocation
from mlflow_dynamodbstore.projection_mode import INLINE
from mlflow_dynamodbstore.settings import fts_trigram_fields, projections_mode

_EXAMPLES: Final = 3
_MOST_ENTITIES: Final = 200
_MOST_OTHERS: Final = 1000


class _Keys:
    """Keys that are known already, as a source of a comparison."""

    as_of_ms = None
    parts = ("sample",)
    identity: Mapping[str, Any] = {"source": "sample"}

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    def pages(self, part: str, start: Position | None) -> Iterator[KeyPage]:
        yield KeyPage(self._keys, None)


@click.command()
@click.option(
    "--sample-pages",
    type=click.IntRange(2, 1000),
    default=8,
    show_default=True,
    help="How many pages of 1 MB may be read to count and to compare.",
)
@table_command
def status(location: Location, sample_pages: int, as_json: bool) -> None:
    """Say how a table and its projections are; exit with 1 if a sample of them has drifted
    or is damaged.

    \b
    Example:
      mlflow-dynamodbstore status --table mlflow --region eu-central-1
    """
    setting = projections_mode()
    with opened(location) as table:
        found = _look(table, sample_pages)
    kept = keeper(location, setting, found.heartbeats, found.now_ms)
    wrong = problems(location, found.heartbeats, found.facts, found.now_ms)
    if kept.mode != INLINE and isinstance(location, RegionLocation):
        found = replace(found, lag=stream_lag(location.region, STREAM_FUNCTIONS))
    if as_json:
        click.echo(json.dumps(report_json(location, found, kept, wrong)))
    else:
        print_report(location, found, kept, wrong)
    if found.drift.total or found.sample.passed_over.damaged_items:
        sys.exit(FAILED)


def _look(table: Table, pages: int) -> Found:
    facts = table.facts(with_kinds=True)
    marks = table.get(BUILT_KEY) or {}
    sample = sample_of(table, facts, pages)
    some = _some(sample.keys)
    projections = inline_projections()
    scope = Scope(table, projections, _Keys(some), extra_fields=fts_trigram_fields())
    drift, _ = compare(scope, examples=_EXAMPLES)
    return Found(
        facts=facts,
        heartbeats=read_heartbeats(table, STREAM_FUNCTIONS),
        built=sorted(_texts(marks.get("marks"))),
        building=sorted(_texts(marks.get("building"))),
        sample=sample,
        compared=len({entity for key in some if (entity := entity_of(key[0])) is not None}),
        drift=drift,
        now_ms=int(time.time() * 1000),
    )


def _texts(marks: object) -> list[str]:
    """The marks of an item that may be damaged."""
    found = marks if isinstance(marks, list | dict) else ()
    return [mark for mark in found if isinstance(mark, str)]


def _some(keys: list[Key]) -> list[Key]:
    """Keys that lead to a bounded number of entities, and some of projections' own items."""
    entities: dict[str, Key] = {}
    others: list[Key] = []
    for key in keys:
        if entity_of(key[0]) is None:
            others.append(key)
        else:
            entities.setdefault(key[0], key)
    return [*_spread(list(entities.values()), _MOST_ENTITIES), *_spread(others, _MOST_OTHERS)]


def _spread(keys: list[Key], most: int) -> list[Key]:
    step = max(1, -(-len(keys) // most))
    return keys[::step]
