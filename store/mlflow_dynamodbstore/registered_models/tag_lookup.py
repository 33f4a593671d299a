"""Candidates from tags: the models that have a tag, where these are few.

The lookup has the beginning of each value, so that most clauses are decided without reading a
model. Where many models pass, their listing, which has all the tags, is read instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from dynamodbstore_events.keys import (
    GSI2,
    META,
    Key,
    model_tag_lookup,
    registered_model_pk,
    tag_value_start,
)
from dynamodbstore_projections.fts.reader import MOST_CANDIDATES
from dynamodbstore_table.port import EVERY, Item, SortRange, Table, begins_with

from mlflow_dynamodbstore.search.clause import Clause
from mlflow_dynamodbstore.search.order import Cursor
from mlflow_dynamodbstore.search.pushdown import like_prefix
from mlflow_dynamodbstore.search.sources import Source

_MOST_LOOKUPS = 6
_PAGE = 1000
_FIRST = 400
_RARE = 10
"""To go on through a long lookup pays if no more than one of ten models passes: an entry is a
fraction of a model's."""

_WHOLE_BYTES = 197
"""A value that is cut has at least this many bytes left: less than one character is lost."""


@dataclass(frozen=True, slots=True)
class TagLookup:
    """The part of a tag's lookup in which all that pass the clauses on the tag are."""

    pk: str
    sk: SortRange
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class ByTags(Source):
    """The models that all of some lookups have, where these are few."""

    lookups: tuple[TagLookup, ...]

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item] | None:
        keys = few_with_tags(table, self.lookups)
        return None if keys is None else table.batch_get(keys, consistent=False).values()

    def lines(self, noun: str) -> Iterator[str]:
        clauses = "; ".join(str(clause) for lookup in self.lookups for clause in lookup.clauses)
        yield f"candidates: {noun} by the lookup of {clauses}; if these are many, these:"


def tag_lookups(workspace: str, clauses: Iterable[Clause]) -> tuple[TagLookup, ...]:
    """A lookup for each tag that clauses are on; those with equal values first, and only some."""
    by_key: dict[str, list[Clause]] = {}
    for clause in clauses:
        by_key.setdefault(clause.on.key, []).append(clause)
    lookups = [
        TagLookup(model_tag_lookup(workspace, key), _narrowest(found), tuple(found))
        for key, found in by_key.items()
    ]
    lookups.sort(key=lambda lookup: lookup.sk == EVERY)
    return tuple(lookups[:_MOST_LOOKUPS])


def few_with_tags(table: Table, lookups: Sequence[TagLookup]) -> list[Key] | None:
    """The keys of the META items of all that may pass; None where these are many.

    Some may have gone, or have other values by now.
    """
    found = table.at_once([partial(_few, table, lookup) for lookup in lookups])
    sets = [models for models in found if models is not None]
    if not sets:
        return None
    return [(registered_model_pk(model_key), META) for model_key in set.intersection(*sets)]


def _few(table: Table, lookup: TagLookup) -> set[str] | None:
    """The models that may pass; None where these are many, or many of the first ones are."""
    entries = table.query_all(lookup.pk, index=GSI2, sk=lookup.sk, page_size=_PAGE)
    found: set[str] = set()
    for number, entry in enumerate(entries):
        if number >= _FIRST and len(found) * _RARE > number:
            return None
        start, model_key = _parsed(entry["gsi2sk"])
        if _may_pass(lookup, start):
            found.add(model_key)
    return found if len(found) <= MOST_CANDIDATES else None


def _narrowest(clauses: Sequence[Clause]) -> SortRange:
    for clause in clauses:
        if clause.comparator == "=":
            start = tag_value_start(clause.value)
            return begins_with(f"{start}#" if start == clause.value else start)
    prefixes = (like_prefix(c.value) for c in clauses if c.comparator == "LIKE")
    prefix = tag_value_start(max(prefixes, key=len, default=""))
    return begins_with(prefix) if prefix else EVERY


def _parsed(sort_key: str) -> tuple[str, str]:
    start, _, model_key = sort_key.rpartition("#")
    return start, model_key


def _may_pass(lookup: TagLookup, start: str) -> bool:
    """Whether a value that begins so may pass; a short one is there whole."""
    if len(start.encode()) >= _WHOLE_BYTES:
        return True
    return all(clause.test(start) for clause in lookup.clauses)
