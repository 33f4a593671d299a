"""What a projection is: from the canonical state of one entity to the writes it still lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_events.keys import META, Key
from dynamodbstore_table.port import Delete, Op, Put, Update

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.view import View


@dataclass(frozen=True, slots=True)
class Bulk:
    """Any number of ops, each for itself and in no order: cheaper than transactions of them."""

    ops: tuple[Put | Update | Delete, ...]


@dataclass(frozen=True, slots=True)
class PassOn:
    """A transaction after which the entity is not looked at again in the same call, though more is
    left to do: the change that it makes brings the projection back."""

    ops: tuple[Op, ...]


Writes: TypeAlias = list[tuple[Op, ...] | Bulk | PassOn]
"""What to write, in this order. Ops in a tuple are one transaction: all or nothing, at most 100."""


class Projection(Protocol):
    """One projection. It keeps no state: everything it knows is in its arguments.

    ``writes`` compares what the canonical items say now with what the projection's own items
    say, and returns what is missing between them: nothing once they agree. So an event may come
    late, twice or out of order, and a pass may be cut short: the next one does the rest.
    """

    name: str
    sort_keys: tuple[str, ...]
    """What the sort keys begin with that it is interested in: others are not even asked about."""

    def concerns(self, event: ChangeEvent, config: Config) -> bool:
        """Whether a change may change what this projection keeps; told by its key alone."""
        ...

    def reads(self, entity: Entity, view: View, config: Config) -> Iterable[Key]:
        """Items that ``writes`` will ask for, beside META, which the view has: so that those of
        many entities are read together. Never raises, whatever META says."""
        ...

    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        """What to write so that the projection agrees with the entity as it is now."""
        ...


def read_together(
    concerned: Mapping[Entity, Iterable[Projection]], view: View, config: Config
) -> None:
    """Read what projections will ask for of these entities, in few requests: META first, so that
    nothing else is older than what it says."""
    view.prefetch((entity.pk, META) for entity in concerned)
    view.prefetch(
        key
        for entity, projections in concerned.items()
        for projection in projections
        for key in projection.reads(entity, view, config)
    )
