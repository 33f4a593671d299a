"""The one list of all projections: whatever works on every projection uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from dynamodbstore_projections.config import Config
from dynamodbstore_projections.expiry.projection import ExpiryProjection
from dynamodbstore_projections.fts.projection import FtsProjection
from dynamodbstore_projections.projection import LIFECYCLE, SEARCH, Projection
from dynamodbstore_projections.summary.projection import SummaryProjection
from dynamodbstore_projections.tags.projection import TagsProjection
from dynamodbstore_projections.ttl.projection import TtlProjection

PROJECTIONS: tuple[Callable[[], Projection], ...] = (
    TagsProjection,
    FtsProjection,
    SummaryProjection,
    TtlProjection,
    ExpiryProjection,
)

STREAM_FUNCTIONS: Final = (SEARCH, LIFECYCLE)


def all_projections() -> tuple[Projection, ...]:
    """Every projection, to bring entities up to date outside of an observer."""
    return tuple(make() for make in PROJECTIONS)


def projections_of(function: str) -> tuple[Projection, ...]:
    """What a stream function (``search`` or ``lifecycle``) keeps."""
    return tuple(p for p in all_projections() if p.function == function)


def search_projections() -> tuple[Projection, ...]:
    """What the ``search`` function keeps."""
    return projections_of(SEARCH)


def lifecycle_projections() -> tuple[Projection, ...]:
    """What the ``lifecycle`` function keeps."""
    return projections_of(LIFECYCLE)


def inline_projections() -> tuple[Projection, ...]:
    """What a table's observer keeps. It does not see its own writes, so what expires is removed
    outside it (see ``expiry.sweep``), where the other projections get the events."""
    return tuple(p for p in all_projections() if p.inline)


def marks_of(projections: Iterable[str], config: Config) -> frozenset[str]:
    """The marks that these projections (by name) earn by a complete rebuild."""
    names = frozenset(projections)
    return frozenset(mark for p in all_projections() if p.name in names for mark in p.marks(config))


def kept_by_all() -> frozenset[str]:
    """The marks of what every writer keeps, whatever its configuration: those that the
    default configuration earns. A later version of a projection is not among them, as processes
    of the version before do not keep it."""
    return frozenset(
        mark for p in all_projections() if p.version == 1 for mark in p.marks(Config())
    )
