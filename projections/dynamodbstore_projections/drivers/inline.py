"""The inline driver: projections kept by the process that writes, in step with each write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_table.errors import TableError
from dynamodbstore_table.port import Table

from dynamodbstore_projections.config import Config, ConfigSource
from dynamodbstore_projections.projection import Projection
from dynamodbstore_projections.projector import Projector


class InlineObserver:
    """A table's observer that projects what was written.

    On the embedded engine it works inside the write's transaction: a projection that fails undoes
    the write. On an endpoint the write is done already: what fails is handed to ``report``, and the
    entity's next write, or a replay, makes up for it.
    """

    def __init__(
        self,
        projections: Sequence[Projection],
        report: Callable[[Mapping[Entity, Exception]], None],
    ) -> None:
        self._projections = tuple(projections)
        self._report = report
        self._config: Callable[[], Config] | None = None
        self._projectors: dict[frozenset[str] | None, Projector] = {}

    @property
    def projections(self) -> tuple[Projection, ...]:
        """The projections that it keeps by default."""
        return self._projections

    def use_config(self, table: Table, config: Callable[[], Config]) -> None:
        """Project by this configuration, not by what the table has at the first write."""
        self._config = config
        self._projectors = {}

    def __call__(
        self, table: Table, events: Sequence[ChangeEvent], names: frozenset[str] | None = None
    ) -> None:
        """Project what was written; ``names`` narrows it to these projections."""
        projector = self._projectors.get(names)
        if projector is None:
            projector = self._projectors[names] = self._projector_of(table, names)
        try:
            failed: Mapping[Entity, Exception] = projector.project(events).failed
        except TableError as error:
            if not table.remote:
                raise
            # What every projection reads could not be read.
            failed = dict.fromkeys(_entities(events), error)
        if failed:
            if not table.remote:
                raise next(iter(failed.values()))
            self._report(failed)

    def _projector_of(self, table: Table, names: frozenset[str] | None) -> Projector:
        if self._config is None:
            self._config = ConfigSource(table).current
        kept = [p for p in self._projections if names is None or p.name in names]
        return Projector(table, kept, self._config, exclusive=not table.remote)


def _entities(events: Iterable[ChangeEvent]) -> list[Entity]:
    found = (entity_of(event.pk) for event in events)
    return [entity for entity in dict.fromkeys(found) if entity is not None]
