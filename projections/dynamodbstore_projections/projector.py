"""The projector: events in, the projections' writes out. Every driver uses this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_events.keys import META
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
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

    ``exclusive`` says that nobody else can write meanwhile (inside a transaction of the embedded
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
        self._sort_keys = _sort_keys(projections)
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
            found = self._concerned(listed, config)
            if found:
                concerned.setdefault(entity, {}).update(found)
        return self._bring_up_to_date(concerned, config, removed)

    def project_entities(self, entities: Iterable[Entity]) -> Report:
        """Project these entities wholly, as if everything about them had changed."""
        every = {projection.name: projection for projection in self._projections}
        return self._bring_up_to_date(dict.fromkeys(entities, every), self._config(), {})

    def _concerned(self, changes: Iterable[ChangeEvent], config: Config) -> dict[str, Projection]:
        """The projections that changes of one entity concern: none is asked again after a yes, so
        that a thousand metrics of a run take hardly longer than one."""
        found: dict[str, Projection] = {}
        asked, sort_keys = self._projections, self._sort_keys
        for event in changes:
            if len(asked) + len(found) > len(self._projections):
                asked = tuple(p for p in asked if p.name not in found)
                sort_keys = _sort_keys(asked)
            if event.sk.startswith(sort_keys):
                for projection in asked:
                    if event.sk.startswith(projection.sort_keys) and projection.concerns(
                        event, config
                    ):
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
                        if self._exclusive:
                            raise
                        report.failed[entity] = error
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


def _sort_keys(projections: Iterable[Projection]) -> tuple[str, ...]:
    return tuple(start for projection in projections for start in projection.sort_keys)
