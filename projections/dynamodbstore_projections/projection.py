"""What a projection is: from the canonical state of one entity to the writes it still lacks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_events.keys import META, Key
from dynamodbstore_table.port import Delete, Op, Put, Table, Update

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.finding import Finding
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


def ops_of(writes: Writes) -> Iterator[Op]:
    """Every op of the writes, in order."""
    for write in writes:
        yield from write if isinstance(write, tuple) else write.ops


SEARCH: Final = "search"
LIFECYCLE: Final = "lifecycle"

Project: TypeAlias = Callable[[Iterable[Entity]], frozenset[Entity]]
"""Brings the projections of entities up to date; returns those that failed."""


@dataclass(frozen=True, slots=True)
class Healed:
    """How many of a projection's own items were put back, and how many strays removed."""

    restored: int = 0
    removed: int = 0


class Projection(ABC):
    """One projection: everything that others have to know of it. A projection is a folder with its
    writing side (this class) and its reading side (``reader.py``), and a line in ``all.py``.

    It keeps no state: everything it knows is in its arguments. ``writes`` compares what the
    canonical items ask for now with the projection's own items, and returns the difference:
    nothing once they agree. So an event may come late, twice or out of order, and a
    pass may be cut short: the next one does the rest.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when items of the form before would mislead a reader, or a rebuild is needed. Code of
    an older version leaves the projection alone as soon as ``CONFIG``/``BUILT`` names the newer."""

    function: ClassVar[str] = SEARCH
    """The stream function that keeps it."""

    inline: ClassVar[bool] = True
    """Whether a table's observer can keep it."""

    watches: ClassVar[Mapping[str, tuple[str, ...]]]
    """By kind of entity, what the sort keys begin with that may matter to it: the event filters of
    template.yaml, and what ``concerns`` is called for."""

    def looks_at(self, event: ChangeEvent, config: Config) -> bool:
        """Whether it is to look at the entity of a change: what the projector decides."""
        starts = self.watches.get(event.pk.partition("#")[0], ())
        return event.sk.startswith(starts) and self.concerns(event, config)

    def concerns(self, event: ChangeEvent, config: Config) -> bool:
        """Whether a change of an item that it watches may change what it keeps; decided by the
        event alone."""
        return True

    def reads(self, entity: Entity, view: View, config: Config) -> Iterable[Key]:
        """Items that ``writes`` will look at, beside META, which the view has: so that those of
        many entities are read together. Never raises, whatever META holds."""
        return ()

    @abstractmethod
    def writes(self, entity: Entity, view: View, config: Config) -> Writes:
        """What to write so that the projection agrees with the entity as it is now; nothing for an
        entity of a kind that it does not watch."""

    def lacks(self, entity: Entity, view: View, config: Config) -> Writes:
        """Those of the writes without which a reader of the table finds something wrong: the drift
        of the entity."""
        return self.writes(entity, view, config)

    def marks(self, config: Config) -> frozenset[str]:
        """The marks in ``CONFIG``/``BUILT`` that a complete rebuild earns; each begins with
        ``self.mark``. A projection that no search relies on has none."""
        return frozenset()

    @property
    def mark(self) -> str:
        """What the projection's marks begin with: its name, and the version from the second on."""
        return versioned_mark(self.name, self.version)

    def owner(self, key: Key) -> Entity | None:
        """The entity that an item of the projection's own is about, which may have gone; None for
        the key of any other item."""
        return None

    def owns(self, key: Key) -> bool:
        """Whether ``heal`` and ``inspect`` are to look at the item of this key."""
        return False

    def heal(self, table: Table, keys: Collection[Key], project: Project) -> Healed:
        """Put right own items that no pass over entities would look for again. Raises a
        ``TableError``."""
        return Healed()

    def inspect(
        self, table: Table, keys: Collection[Key], config: Config
    ) -> Iterator[tuple[Key, Finding]]:
        """What ``heal`` would put right, each finding with the key that leads to it."""
        return iter(())


def versioned_mark(name: str, version: int) -> str:
    """What the marks of a projection's version begin with."""
    return name if version == 1 else f"{name}@{version}"


def read_together(
    concerned: Mapping[Entity, Iterable[Projection]], view: View, config: Config
) -> None:
    """Read what projections will look at of these entities, in few requests: META first, so that
    nothing else is older than META."""
    view.prefetch((entity.pk, META) for entity in concerned)
    view.prefetch(
        key
        for entity, projections in concerned.items()
        if view.knows(entity)
        for projection in projections
        for key in projection.reads(entity, view, config)
    )
