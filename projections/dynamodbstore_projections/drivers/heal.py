"""What a replay does with the keys that it comes by: brings right what they lead to, or only says
what is not right.

A key of a canonical item leads to its entity, one of a summary or of a mark to the entity that it
is about (which may have gone), one of a posting to the mark that should name it. The projections
decide; what no projection would look for again is found in ``posting_sweep``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias, TypeVar

from dynamodbstore_events.entities import RUN, Entity, entity_of
from dynamodbstore_events.keys import META, SUMMARY, Key
from dynamodbstore_table.errors import TableError, TableMissing, TableUnavailable
from dynamodbstore_table.port import Put, Table

from dynamodbstore_projections.config import Config, InvalidConfig
from dynamodbstore_projections.drivers.drift import Finding, findings, ops_of
from dynamodbstore_projections.fts import posting_sweep
from dynamodbstore_projections.fts.posting_marks import PostingField
from dynamodbstore_projections.fts.posting_sweep import Posting
from dynamodbstore_projections.fts.projection import FtsProjection
from dynamodbstore_projections.projection import Projection, read_together
from dynamodbstore_projections.projector import Projector
from dynamodbstore_projections.summary.projection import SummaryProjection
from dynamodbstore_projections.view import View

_HOPELESS: Final = (TableMissing, TableUnavailable, InvalidConfig)
_ENTITIES_AT_ONCE: Final = 100
_POSTINGS_AT_ONCE: Final = 1000

Subject: TypeAlias = Entity | PostingField | Posting
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Leads:
    """What some keys lead to. ``owners`` are the entities that projections' own items are about:
    they matter where the entity has gone."""

    entities: frozenset[Entity] = frozenset()
    owners: frozenset[Entity] = frozenset()
    marks: frozenset[PostingField] = frozenset()
    postings: frozenset[Posting] = frozenset()


def leads_of(keys: Iterable[Key], projections: Iterable[str]) -> Leads:
    """What the keys lead to, as far as it concerns these projections (by name)."""
    names = frozenset(projections)
    with_postings, with_summaries = FtsProjection.name in names, SummaryProjection.name in names
    entities: set[Entity] = set()
    owners: set[Entity] = set()
    marks: set[PostingField] = set()
    postings: set[Posting] = set()
    for key in keys:
        entity = entity_of(key[0])
        if entity is not None:
            entities.add(entity)
        elif key[1] == SUMMARY:
            if with_summaries:
                owners.add(Entity(RUN, key[0].partition("#")[2]))
        elif with_postings:
            posting, mark = posting_sweep.posting_of(key), posting_sweep.field_of(key)
            if posting is not None:
                postings.add(posting)
            elif mark is not None:
                marks.add(mark)
                owners.add(Entity(mark.kind, mark.entity_id))
    return Leads(
        frozenset(entities), frozenset(owners - entities), frozenset(marks), frozenset(postings)
    )


def gone(table: Table, owners: Iterable[Entity]) -> frozenset[Entity]:
    """Those of the entities that are not there."""
    wanted = list(owners)
    there = table.batch_get([(entity.pk, META) for entity in wanted], attributes=())
    return frozenset(entity for entity in wanted if (entity.pk, META) not in there)


@dataclass(slots=True)
class Done:
    """What was done: entities looked at, ops written by projections, postings put back and strays
    removed; and the partition keys of entities that failed, with the reason."""

    entities: int = 0
    ops: int = 0
    restored: int = 0
    removed: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, other: Done) -> None:
        """Add what was done elsewhere."""
        self.entities += other.entities
        self.ops += other.ops
        self.restored += other.restored
        self.removed += other.removed
        self.failed.update(other.failed)


class Healer:
    """Brings right what keys lead to. Safe for many threads."""

    def __init__(
        self, table: Table, projections: Sequence[Projection], config: Callable[[], Config]
    ) -> None:
        self._table = table
        self._projector = Projector(table, projections, config)
        self._fts = any(projection.name == FtsProjection.name for projection in projections)

    def heal(self, leads: Leads) -> Done:
        """Add first, remove after; raises a ``TableError`` where that can't go on at all."""
        done = self.project(leads.entities | gone(self._table, leads.owners))
        if self._fts:
            for fields in _batches(leads.marks, _ENTITIES_AT_ONCE):
                marks = posting_sweep.read_marks(self._table, fields)
                missing = posting_sweep.missing_postings(self._table, marks)
                done.restored += posting_sweep.restore(self._table, missing, marks)
            for postings in _batches(leads.postings, _POSTINGS_AT_ONCE):
                self._remove_strays(postings, done)
        return done

    def project(self, entities: Iterable[Entity]) -> Done:
        """Bring the projections of these entities up to date.

        Raises a ``TableError`` that would be every other entity's too.
        """
        done = Done()
        for batch in _batches(entities, _ENTITIES_AT_ONCE):
            report = self._projector.project_entities(batch)
            done.entities += report.entities
            done.ops += report.ops
            for entity, error in report.failed.items():
                if isinstance(error, _HOPELESS):
                    raise error
                done.failed[entity.pk] = f"{type(error).__name__}: {error}"
        return done

    def _remove_strays(self, postings: Sequence[Posting], done: Done) -> None:
        marks = posting_sweep.read_marks(self._table, (posting.field for posting in postings))
        suspected = posting_sweep.strays(postings, marks)
        if not suspected:
            return
        # Their entities may not have been looked at yet: what they need is added first.
        owners = {Entity(posting.field.kind, posting.field.entity_id) for posting in suspected}
        projected = self.project(owners)
        done.add(projected)
        settled = [
            posting
            for posting in suspected
            if f"{posting.field.kind}#{posting.field.entity_id}" not in projected.failed
        ]
        marks = posting_sweep.read_marks(self._table, (posting.field for posting in settled))
        found = posting_sweep.strays(settled, marks)
        done.removed += posting_sweep.remove(self._table, found, marks)


class Inspector:
    """Says what is not right, and writes nothing. Safe for many threads."""

    def __init__(
        self, table: Table, projections: Sequence[Projection], config: Callable[[], Config]
    ) -> None:
        self._table = table
        self._projections = tuple(projections)
        self._config = config
        self._fts = next((p for p in projections if p.name == FtsProjection.name), None)

    def inspect(self, leads: Leads) -> Iterator[tuple[Subject, Finding]]:
        """What is missing, stale or wrong, each with what it was found at; raises a
        ``TableError``."""
        config = self._config()
        entities = leads.entities | gone(self._table, leads.owners)
        for batch in _batches(entities, _ENTITIES_AT_ONCE):
            view = View(self._table)
            read_together(dict.fromkeys(batch, self._projections), view, config)
            for entity in batch:
                for projection in self._projections:
                    for finding in _lacking(projection, entity, view, config):
                        yield entity, finding
        if self._fts is not None:
            for fields in _batches(leads.marks, _ENTITIES_AT_ONCE):
                yield from self._missing(self._fts, fields, config)
            for postings in _batches(leads.postings, _POSTINGS_AT_ONCE):
                yield from self._strays(self._fts, postings, config)

    def _missing(
        self, fts: Projection, fields: Sequence[PostingField], config: Config
    ) -> Iterator[tuple[Subject, Finding]]:
        marks = posting_sweep.read_marks(self._table, fields)
        missing = posting_sweep.missing_postings(self._table, marks)
        view = View(self._table)
        for posting_field, keys in missing.items():
            entity = Entity(posting_field.kind, posting_field.entity_id)
            # Where the mark itself is to change, its postings are not what is missing.
            if not fts.writes(entity, view, config):
                for pk, sk in keys:
                    yield posting_field, Finding(fts.name, "missing", f"{pk} {sk}")

    def _strays(
        self, fts: Projection, postings: Sequence[Posting], config: Config
    ) -> Iterator[tuple[Subject, Finding]]:
        marks = posting_sweep.read_marks(self._table, (posting.field for posting in postings))
        view = View(self._table)
        for posting in posting_sweep.strays(postings, marks):
            entity = Entity(posting.field.kind, posting.field.entity_id)
            writes = fts.writes(entity, view, config)
            if not any(isinstance(op, Put) and op.key == posting.key for op in ops_of(writes)):
                yield posting, Finding(fts.name, "stale", f"{posting.key[0]} {posting.key[1]}")


def leads_to(subjects: Iterable[Subject]) -> Leads:
    """What leads to these again."""
    found = tuple(subjects)
    return Leads(
        entities=frozenset(s for s in found if isinstance(s, Entity)),
        marks=frozenset(s for s in found if isinstance(s, PostingField)),
        postings=frozenset(s for s in found if isinstance(s, Posting)),
    )


def _lacking(
    projection: Projection, entity: Entity, view: View, config: Config
) -> Iterator[Finding]:
    try:
        writes = projection.writes(entity, view, config)
    except TableError:
        raise
    except Exception as error:
        # Items that no projection can read are drift that a replay can't heal: they are shown.
        yield Finding(projection.name, "wrong", f"{entity.pk}: {type(error).__name__}: {error}")
        return
    yield from findings(projection.name, writes, view)


def _batches(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
