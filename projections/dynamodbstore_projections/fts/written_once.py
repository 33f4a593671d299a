"""Postings of texts that never change: an append-only index.

The postings of names are kept with marks and moves, since a name changes (``posting_marks``). A
text that is written once needs no such thing: each posting is a plain put, the same whoever writes
it and however often; it goes when its time to live has passed, or when its entity is removed. It
costs one write unit a trigram, half of what a name costs. Postings are kept by bucket, a month of
the entity's own time, so that a search in a range of time reads few partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from dynamodbstore_events.keys import Key, newest_first, parse_newest_first, written_once_pk
from dynamodbstore_table.port import Delete, Put, Table

from dynamodbstore_projections.fts.posting_marks import ANY_PATTERN
from dynamodbstore_projections.fts.trigrams import searchable, trigrams

MOST_TRIGRAMS: Final = 400
"""A text with more has one posting, under ``""``: it may match any pattern."""


@dataclass(frozen=True, slots=True)
class WrittenOnce:
    """A text as it was written: in a scope, at a time (ms), of the entity with this id."""

    scope: str
    time_ms: int
    entity_id: str
    text: str


@dataclass(frozen=True, slots=True)
class WrittenOnceIndex:
    """The index of one field of one kind of entity."""

    kind: str
    field: str

    def keys(self, written: WrittenOnce) -> list[Key]:
        """The keys of a text's postings; none for a text without trigrams."""
        found = trigrams(searchable(written.text))
        chosen = sorted(found) if len(found) <= MOST_TRIGRAMS else [ANY_PATTERN]
        sk = newest_first(written.time_ms, written.entity_id)
        bucket = _bucket(written.time_ms)
        return [(self._pk(written.scope, bucket, trigram), sk) for trigram in chosen]

    def puts(self, written: WrittenOnce, expires: int | None = None) -> list[Put]:
        """The puts of a text's postings, for ``Table.bulk``; ``expires`` becomes their ``ttl``."""
        ttl = {} if expires is None else {"ttl": expires}
        return [Put({"PK": pk, "SK": sk, **ttl}) for pk, sk in self.keys(written)]

    def deletes(self, written: WrittenOnce) -> list[Delete]:
        """The deletes that remove the postings of a text, with its entity."""
        return [Delete(key) for key in self.keys(written)]

    def candidates(
        self, table: Table, scope: str, begin_ms: int, end_ms: int, wanted: Iterable[str]
    ) -> list[str]:
        """The ids of the entities between two times (both included), newest first, whose text may
        have all of the ``wanted`` trigrams; the text decides. Some may have gone.

        Raises ``ValueError`` without trigrams: the index can't narrow then.
        """
        trigrams_wanted = sorted(set(wanted))
        if not trigrams_wanted:
            raise ValueError("no trigram is wanted: read the listing instead")
        found: dict[tuple[int, str], None] = {}
        for bucket in _buckets(begin_ms, end_ms):
            pks = [self._pk(scope, bucket, t) for t in (*trigrams_wanted, ANY_PATTERN)]
            items = table.partitions(pks, consistent=False, attributes=("PK", "SK"))
            by_pk = [{item["SK"] for item in items[pk]} for pk in pks]
            for sk in set.intersection(*by_pk[:-1]) | by_pk[-1]:
                at = parse_newest_first(sk)
                if begin_ms <= at[0] <= end_ms:
                    found[at] = None
        return [entity_id for _, entity_id in sorted(found, key=lambda at: (-at[0], at[1]))]

    def _pk(self, scope: str, bucket: str, trigram: str) -> str:
        return written_once_pk(scope, self.kind, self.field, bucket, trigram)


def _bucket(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, timezone.utc).strftime("%Y%m")


def _buckets(begin_ms: int, end_ms: int) -> Iterator[str]:
    """The months of a range of time, the latest first."""
    at, first = datetime.fromtimestamp(end_ms / 1000, timezone.utc), _bucket(begin_ms)
    year, month = at.year, at.month
    while (found := f"{year:04d}{month:02d}") >= first:
        yield found
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
