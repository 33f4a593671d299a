"""Candidates from postings: who may have a text that matches, where these are few.

Nobody counts postings, so it is not known beforehand which of a pattern's trigrams are rare. A page
of some of them is read at once: those that end within their page are rare enough, and who is in
all of these is a candidate. Where none ends, or too many are left, the listing is read instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dynamodbstore_events.keys import META, Key, posting_pk
from dynamodbstore_table.port import Query, Table

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.posting_marks import ANY_PATTERN
from dynamodbstore_projections.fts.projection import built_mark
from dynamodbstore_projections.fts.trigrams import required_trigrams

MOST_CANDIDATES: Final = 400
"""META items are read by key, which costs more each than a listing does."""

NARROWING: Final = ("=", "LIKE", "ILIKE")
"""The comparators whose values give trigrams that a matching text must have."""

_LONGEST_PAGE = 1000
_MOST_LOOKUPS = 6
_MOST_QUERIES = 12
_MOST_TRIGRAMS = 9


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which partitions of postings have the candidates: the sort keys that all of ``every`` have
    in common, and all those of ``always``. A sort key is the id in an entity's partition key."""

    every: tuple[str, ...]
    always: str


def lookup(
    config: Config, kind: str, scope: str, text_field: str, wanted: Iterable[str]
) -> Lookup | None:
    """Where to look for the entities whose text has the ``wanted`` trigrams.

    None where postings can't narrow: nothing is wanted, or the field's are not all built.
    ``wanted`` is ``required_trigrams`` of a pattern, or ``trigrams`` of a text to be equal to.
    """
    wanted = sorted(wanted)
    if not wanted or built_mark(text_field) not in config.built:
        return None
    every = tuple(posting_pk(scope, kind, text_field, trigram) for trigram in wanted)
    return Lookup(every, posting_pk(scope, kind, text_field, ANY_PATTERN))


@dataclass(frozen=True, slots=True)
class Posted:
    """Which postings give the candidates: the entities that all lookups of any one scope find."""

    kind: str
    fields: tuple[str, ...]
    scopes: tuple[tuple[Lookup, ...], ...]

    @property
    def trigrams_a_lookup(self) -> int:
        """How many of a lookup's trigrams are read."""
        lookups = len(self.scopes) * len(self.fields)
        return max(1, min(_MOST_TRIGRAMS, _MOST_QUERIES // lookups - 1))

    def __str__(self) -> str:
        queries = sum(
            1 + len(_chosen(found, self.trigrams_a_lookup))
            for lookups in self.scopes
            for found in lookups
        )
        return f"postings of {', '.join(self.fields)}, in {queries} queries"


def posted(
    config: Config, kind: str, scopes: Sequence[str], patterns: Iterable[tuple[str, str]]
) -> Posted | None:
    """How postings narrow the entities of a kind whose fields match every one of ``patterns``,
    pairs of a field and a LIKE pattern; None where they can't."""
    wanted: dict[str, set[str]] = {}
    for field, pattern in patterns:
        wanted.setdefault(field, set()).update(required_trigrams(pattern))
    by_scope = [
        {field: lookup(config, kind, scope, field, wanted[field]) for field in wanted}
        for scope in scopes
    ]
    lookups = [tuple(found for found in fields.values() if found) for fields in by_scope]
    if not scopes or not all(lookups) or sum(map(len, lookups)) > _MOST_LOOKUPS:
        return None
    fields = tuple(field for field, found in by_scope[0].items() if found)
    return Posted(kind, fields, tuple(lookups))


def posted_keys(table: Table, source: Posted) -> list[Key] | None:
    """The keys of the candidates' META items (some may have gone); None where they are many."""
    number = source.trigrams_a_lookup
    pks = dict.fromkeys(
        pk
        for lookups in source.scopes
        for found in lookups
        for pk in (found.always, *_chosen(found, number))
    )
    pages = _pages(table, list(pks))
    ids: set[str] = set()
    for lookups in source.scopes:
        sets = [found for each in lookups if (found := _found(each, number, pages)) is not None]
        if not sets:
            return None
        ids |= set.intersection(*sets)
    if len(ids) > MOST_CANDIDATES:
        return None
    return [(f"{source.kind}#{entity_id}", META) for entity_id in ids]


def _found(
    wanted: Lookup, number: int, pages: Mapping[str, frozenset[str] | None]
) -> set[str] | None:
    always = pages[wanted.always]
    ended = [page for pk in _chosen(wanted, number) if (page := pages[pk]) is not None]
    if always is None or not ended:
        return None
    return set(frozenset.intersection(*ended) | always)


def _chosen(wanted: Lookup, number: int) -> tuple[str, ...]:
    """Some of the trigrams' partitions, spread over all of them."""
    every = wanted.every
    if len(every) <= number:
        return every
    return tuple(every[i * len(every) // number] for i in range(number))


def _pages(table: Table, pks: Sequence[str]) -> dict[str, frozenset[str] | None]:
    """The sort keys of each partition; None for one that is longer than a page."""

    queries = [
        Query(pk, limit=_LONGEST_PAGE, consistent=False, attributes=("PK", "SK")) for pk in pks
    ]
    return {
        query.pk: None if page.next is not None else frozenset(item["SK"] for item in page.items)
        for query, page in zip(queries, table.queries(queries), strict=True)
    }
