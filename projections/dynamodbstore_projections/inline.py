"""The inline driver: projections kept by the process that writes, in step with each write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity
from dynamodbstore_table.port import Table

from dynamodbstore_projections.config import ConfigSource
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
        extra_fields: Iterable[str] = (),
    ) -> None:
        self._projections = tuple(projections)
        self._report = report
        self._extra_fields = tuple(extra_fields)
        self._projector: Projector | None = None

    def __call__(self, table: Table, events: Sequence[ChangeEvent]) -> None:
        if self._projector is None:
            source = ConfigSource(table, self._extra_fields)
            exclusive = not table.remote
            self._projector = Projector(
                table, self._projections, source.current, exclusive=exclusive
            )
        report = self._projector.project(events)
        if report.failed:
            if not table.remote:
                raise next(iter(report.failed.values()))
            self._report(report.failed)
