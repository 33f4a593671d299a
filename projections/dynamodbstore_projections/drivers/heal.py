"""What a replay does with the keys that it reads: it repairs what they lead to, or only reports
drift.

A key of a canonical item leads to its entity, one of a projection's own items to the entity that it
is about (which may have gone), or to what only that projection can look at. The projections decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias, TypeVar

from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_events.keys import META, Key
from dynamodbstore_table.errors import DamagedItem, TableError, TableMissing, TableUnavailable
from dynamodbstore_table.port import Table

from dynamodbstore_projections.config import Config, InvalidConfig
from dynamodbstore_projections.drivers.drift import Finding, findings
from dynamodbstore_projections.passed_over import PassedOver
from dynamodbstore_projections.projection import Projection, Writes, read_together
from dynamodbstore_projections.projector import Projector, is_outdated, unreadable
from dynamodbstore_projections.view import View

_HOPELESS: Final = (TableMissing, TableUnavailable, InvalidConfig)
_ENTITIES_AT_ONCE: Final = 100

_T = TypeVar("_T")

Wanting: TypeAlias = Callable[[Projection, Entity, View, Config], Writes]
"""Which writes of an entity's projection count as findings."""


def drifted(projection: Projection, entity: Entity, view: View, config: Config) -> Writes:
    """The writes without which a reader of the table finds something wrong."""
    return projection.lacks(entity, view, config)


def unwritten(projection: Projection, entity: Entity, view: View, config: Config) -> Writes:
    """Every write that a replay would make."""
    return projection.writes(entity, view, config)


@dataclass(frozen=True, slots=True)
class OwnItem:
    """An item of a projection's own, which the projection itself looks at."""

    projection: str
    key: Key


Subject: TypeAlias = Entity | OwnItem


@dataclass(frozen=True, slots=True)
class Leads:
    """What some keys lead to. ``owners`` are the entities that projections' own items are about:
    they matter where the entity has gone. ``own`` are those items, by projection."""

    entities: frozenset[Entity] = frozenset()
    owners: frozenset[Entity] = frozenset()
    own: Mapping[str, frozenset[Key]] = field(default_factory=dict)


def leads_of(keys: Iterable[Key], projections: Sequence[Projection]) -> Leads:
    """What the keys lead to, as far as it concerns these projections."""
    entities: set[Entity] = set()
    owners: set[Entity] = set()
    own: dict[str, set[Key]] = {}
    for key in keys:
        entity = entity_of(key[0])
        if entity is not None:
            entities.add(entity)
            continue
        for projection in projections:
            owner = projection.owner(key)
            if owner is not None:
                owners.add(owner)
            if projection.owns(key):
                own.setdefault(projection.name, set()).add(key)
    return Leads(
        frozenset(entities),
        frozenset(owners - entities),
        {name: frozenset(found) for name, found in own.items()},
    )


def gone(table: Table, owners: Iterable[Entity]) -> frozenset[Entity]:
    """Those of the entities that are not there."""
    wanted = list(owners)
    there = table.batch_get([(entity.pk, META) for entity in wanted], attributes=())
    return frozenset(entity for entity in wanted if (entity.pk, META) not in there)


@dataclass(slots=True)
class Done:
    """What was done: entities looked at, ops written by projections, postings put back and strays
    removed; the partition keys of entities that failed, with the reason; and the items that were
    passed over as no projection can read them."""

    entities: int = 0
    ops: int = 0
    restored: int = 0
    removed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    damaged: list[DamagedItem] = field(default_factory=list)

    def add(self, other: Done) -> None:
        """Add what was done elsewhere."""
        self.entities += other.entities
        self.ops += other.ops
        self.restored += other.restored
        self.removed += other.removed
        self.failed.update(other.failed)
        self.damaged += other.damaged


class Healer:
    """Repairs what keys lead to. Safe for many threads."""

    def __init__(
        self, table: Table, projections: Sequence[Projection], config: Callable[[], Config]
    ) -> None:
        self._table = table
        self._projections = {projection.name: projection for projection in projections}
        self._projector = Projector(table, projections, config)

    def heal(self, leads: Leads) -> Done:
        """Add first, remove after; raises a ``TableError`` that would stop everything else too."""
        done = self.project(leads.entities | gone(self._table, leads.owners))

        def project(entities: Iterable[Entity]) -> frozenset[Entity]:
            named = frozenset(entities)
            projected = self.project(named)
            done.add(projected)
            return frozenset(entity for entity in named if entity.pk in projected.failed)

        for name, keys in leads.own.items():
            healed = self._projections[name].heal(self._table, keys, project)
            done.restored += healed.restored
            done.removed += healed.removed
        return done

    def project(self, entities: Iterable[Entity]) -> Done:
        """Bring the projections of these entities up to date.

        Raises a ``TableError`` that every other entity would raise too.
        """
        done = Done()
        for batch in _batches(entities, _ENTITIES_AT_ONCE):
            report = self._projector.project_entities(batch)
            done.entities += report.entities
            done.ops += report.ops
            for entity, error in report.failed.items():
                if isinstance(error, _HOPELESS):
                    raise error
                if isinstance(error, DamagedItem):
                    done.damaged.append(error)
                    continue
                done.failed[entity.pk] = f"{type(error).__name__}: {error}"
        return done


class Inspector:
    """Reports drift (or, with ``unwritten`` for ``wanting``, all that a replay would write), and
    writes nothing; items that no projection can read are added to ``passed_over``. Safe for many
    threads."""

    def __init__(
        self,
        table: Table,
        projections: Sequence[Projection],
        config: Callable[[], Config],
        passed_over: PassedOver,
        wanting: Wanting = drifted,
    ) -> None:
        self._table = table
        self._projections = tuple(projections)
        self._config = config
        self._passed_over = passed_over
        self._wanting = wanting

    def inspect(self, leads: Leads) -> Iterator[tuple[Subject, Finding]]:
        """What is missing, stale or wrong, each with the entity or item where it was found; raises
        a ``TableError``."""
        config = self._config()
        projections = tuple(p for p in self._projections if not is_outdated(p, config))
        entities = leads.entities | gone(self._table, leads.owners)
        for batch in _batches(entities, _ENTITIES_AT_ONCE):
            view = View(self._table)
            read_together(dict.fromkeys(batch, projections), view, config)
            for entity in batch:
                for projection in projections:
                    for finding in self._lacking(projection, entity, view, config):
                        yield entity, finding
        for projection in projections:
            keys = leads.own.get(projection.name, frozenset())
            for key, finding in projection.inspect(self._table, keys, config):
                yield OwnItem(projection.name, key), finding

    def _lacking(
        self, projection: Projection, entity: Entity, view: View, config: Config
    ) -> Iterator[Finding]:
        try:
            writes = self._wanting(projection, entity, view, config)
        except TableError:
            raise
        except Exception as error:
            named = unreadable(error, entity, view)
            if isinstance(named, DamagedItem):
                self._passed_over.add(named)
            else:
                where = f"{entity.pk}: {type(error).__name__}: {error}"
                yield Finding(projection.name, "wrong", where)
            return
        yield from findings(projection.name, writes, view)


def leads_to(subjects: Iterable[Subject]) -> Leads:
    """What leads to these again."""
    entities: set[Entity] = set()
    own: dict[str, set[Key]] = {}
    for subject in subjects:
        if isinstance(subject, Entity):
            entities.add(subject)
        else:
            own.setdefault(subject.projection, set()).add(subject.key)
    return Leads(frozenset(entities), own={name: frozenset(keys) for name, keys in own.items()})


def _batches(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
