"""One batch of stream records through the projector: coalesced, and within the time there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol

from dynamodbstore_events.attribute_values import MalformedRecord
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_events.keys import HEARTBEAT_KEY
from dynamodbstore_events.stream import change_event, record_key, written_at_ms
from dynamodbstore_projections.projector import Report

ENTITIES_A_CALL: Final = 25
SPARE_SECONDS: Final = 30.0
"""What must be left of a function's time for projecting more entities to begin."""


class OutOfTime(Exception):
    """The function's time was nearly up before the entity was looked at."""


class Projects(Protocol):
    """The part of the projector that a batch needs."""

    def project(self, events: Iterable[ChangeEvent]) -> Report: ...


@dataclass(slots=True)
class Outcome:
    """What became of a batch: records read, malformed ones, entities looked at, ops
    written, and the entities that failed. ``oldest_ms`` is when the first record was written;
    ``heartbeat_ms`` when the last heartbeat in it was sent, and ``stream`` what it came by."""

    records: int = 0
    malformed: list[MalformedRecord] = field(default_factory=list)
    entities: int = 0
    ops: int = 0
    failed: dict[Entity, Exception] = field(default_factory=dict)
    oldest_ms: int | None = None
    heartbeat_ms: int | None = None
    stream: str | None = None


def project_batch(
    records: Sequence[Mapping[str, Any]],
    projector: Projects,
    seconds_left: Callable[[], float],
) -> Outcome:
    """Project the entities that the records are about, each once, some at a time.

    Nothing is raised: what fails is in the outcome, whether one entity failed or all did because
    the table could not be reached, or because the time was up.
    """
    outcome = Outcome(records=len(records))
    changes: dict[Entity, list[ChangeEvent]] = {}
    for record in records:
        try:
            event = change_event(record)
        except MalformedRecord as error:
            outcome.malformed.append(error)
            continue
        if (event.pk, event.sk) == HEARTBEAT_KEY and not event.removed:
            outcome.heartbeat_ms = written_at_ms(record)
            outcome.stream = record.get("eventSourceARN")
        entity = entity_of(event.pk)
        if entity is not None:
            changes.setdefault(entity, []).append(event)
    written = [at for at in map(written_at_ms, records) if at is not None]
    outcome.oldest_ms = min(written, default=None)
    for entities in _chunks(changes):
        if seconds_left() < SPARE_SECONDS:
            outcome.failed |= dict.fromkeys(entities, OutOfTime("no time was left for it"))
            continue
        _project(entities, changes, projector, outcome)
    return outcome


def record_entity(record: Mapping[str, Any]) -> Entity | None:
    """The entity that a record is about; None for an item of no entity, or a malformed record."""
    try:
        return entity_of(record_key(record)[0])
    except MalformedRecord:
        return None


def _project(
    entities: Sequence[Entity],
    changes: Mapping[Entity, Sequence[ChangeEvent]],
    projector: Projects,
    outcome: Outcome,
) -> None:
    try:
        report = projector.project(event for entity in entities for event in changes[entity])
    except Exception as error:
        outcome.failed |= dict.fromkeys(entities, error)
        return
    outcome.entities += report.entities
    outcome.ops += report.ops
    outcome.failed |= report.failed


def _chunks(changes: Mapping[Entity, object]) -> Iterator[list[Entity]]:
    entities = iter(changes)
    while chunk := list(islice(entities, ENTITIES_A_CALL)):
        yield chunk
