"""The projector: events in, the projections' writes out. Every driver uses this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_events.keys import META
from dynamodbstore_table.errors import ConditionFailed, TableError, TransactionConflict
from dynamodbstore_table.items.forms import check_form
from dynamodbstore_table.port import Item, Table

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.projection import Bulk, PassOn, Projection, read_together
from dynamodbstore_projections.view import View

_MOST_PASSES = 25


@dataclass(slots=True)
class Report:
    """What one call did: entities looked at, transactions and ops written, passes made; and the
    entities that could not be brought up to date, each with its error."""

    entities: int = 0
    writes: int = 0
    ops: int = 0
    passes: int = 0
    failed: dict[Entity, Exception] = field(default_factory=dict)


class Projector:
    """Brings projections up to date with the entities that have changed.

    ``exclusive`` means that nobody else can write meanwhile (inside a transaction of the embedded
    engine), so that one pass is enough. Otherwise the projector looks again after it has
    written, and repeats until there is nothing left to write.
    """

    def __init__(
        self,
        table: Table,
        projections: Sequence[Projection],
        config: Callable[[], Config],
        *,
        exclusive: bool = False,
    ) -> None:
        self._table = table
        self._projections = tuple(projections)
        self._watching = _watching(self._projections)
        self._config = config
        self._exclusive = exclusive

    def project(self, events: Iterable[ChangeEvent]) -> Report:
        """Project the entities of these events: each once, however many events it has."""
        config = self._config()
        concerned: dict[Entity, dict[str, Projection]] = {}
        removed: dict[Entity, Item] = {}
        for pk, changes in groupby(events, attrgetter("pk")):
            entity = entity_of(pk)
            if entity is None:
                continue
            listed = list(changes)
            for event in listed:
                if event.expired and event.sk == META:
                    removed[entity] = dict(event.old or {})
            found = self._concerned(entity.kind, listed, config)
            if found:
                concerned.setdefault(entity, {}).update(found)
        return self._bring_up_to_date(concerned, config, removed)

    def project_entities(self, entities: Iterable[Entity]) -> Report:
        """Project these entities wholly, as if everything about them had changed."""
        config = self._config()
        every = {p.name: p for p in self._projections if not is_outdated(p, config)}
        return self._bring_up_to_date(dict.fromkeys(entities, every), config, {})

    def _concerned(
        self, kind: str, changes: Iterable[ChangeEvent], config: Config
    ) -> dict[str, Projection]:
        """The projections that changes of one entity concern: none is tried again after a yes, so
        that a thousand metrics of a run take little longer than one."""
        found: dict[str, Projection] = {}
        tried = self._watching.get(kind, ())
        if config.versions:
            tried = tuple((p, starts) for p, starts in tried if not is_outdated(p, config))
        every, sort_keys = len(tried), _sort_keys(tried)
        for event in changes:
            if len(tried) + len(found) > every:
                tried = tuple((p, starts) for p, starts in tried if p.name not in found)
                sort_keys = _sort_keys(tried)
            if event.sk.startswith(sort_keys):
                for projection, starts in tried:
                    if event.sk.startswith(starts) and projection.concerns(event, config):
                        found[projection.name] = projection
        return found

    def _bring_up_to_date(
        self,
        concerned: Mapping[Entity, Mapping[str, Projection]],
        config: Config,
        removed: Mapping[Entity, Item],
    ) -> Report:
        report = Report(entities=len(concerned))
        waiting = {entity: list(found.values()) for entity, found in concerned.items()}
        errors: dict[Entity, Exception] = {}
        while waiting and report.passes < _MOST_PASSES:
            report.passes += 1
            view = View(self._table, removed)
            read_together(waiting, view, config)
            again: dict[Entity, list[Projection]] = {}
            for entity, projections in waiting.items():
                for projection in projections:
                    try:
                        repeat = self._write(projection, entity, view, config, report)
                        repeat = repeat and not self._exclusive
                    except (ConditionFailed, TransactionConflict) as error:
                        errors[entity] = error
                        repeat = True
                    except Exception as error:
                        named = unreadable(error, entity, view)
                        if self._exclusive and named is not error:
                            raise named from error
                        if self._exclusive:
                            raise
                        report.failed[entity] = named
                        continue
                    if repeat:
                        again.setdefault(entity, []).append(projection)
            waiting = again
        for entity in waiting:
            report.failed[entity] = errors.get(entity) or TransactionConflict(
                f"{entity.pk} changes faster than it can be projected"
            )
        return report

    def _write(
        self,
        projection: Projection,
        entity: Entity,
        view: View,
        config: Config,
        report: Report,
    ) -> bool:
        meta = view.get((entity.pk, META))
        if meta is not None:
            # What is derived of a form that this code does not know would be wrong.
            check_form(entity.kind, meta)
        writes = projection.writes(entity, view, config)
        for write in writes:
            ops = write if isinstance(write, tuple) else write.ops
            if isinstance(write, Bulk):
                self._table.bulk(write.ops)
            else:
                self._table.write(*ops)
            report.writes += 1
            report.ops += len(ops)
        return bool(writes) and not isinstance(writes[-1], PassOn)


def unreadable(error: Exception, entity: Entity, view: View) -> Exception:
    """The error that names the item of an entity that no projection can read, where it is one."""
    if isinstance(error, TableError):
        return error
    return view.damaged(entity.pk) or error


_Watching: TypeAlias = tuple[tuple[Projection, tuple[str, ...]], ...]


def is_outdated(projection: Projection, config: Config) -> bool:
    """Whether the table's projection is of a newer version than this code, which must then leave
    its items alone."""
    return config.versions.get(projection.name, 1) > projection.version


def _watching(projections: Iterable[Projection]) -> dict[str, _Watching]:
    """By kind of entity, the projections that watch it, each with the sort keys."""
    found: dict[str, _Watching] = {}
    for projection in projections:
        for kind, starts in projection.watches.items():
            found[kind] = (*found.get(kind, ()), (projection, starts))
    return found


def _sort_keys(watching: _Watching) -> tuple[str, ...]:
    return tuple(start for _, starts in watching for start in starts)
