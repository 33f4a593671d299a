"""Which projections there are, and which function keeps which."""

from __future__ import annotations

from dynamodbstore_projections.expiry.projection import ExpiryProjection
from dynamodbstore_projections.fts.projection import FtsProjection
from dynamodbstore_projections.projection import Projection
from dynamodbstore_projections.summary.projection import SummaryProjection
from dynamodbstore_projections.tags.projection import TagsProjection
from dynamodbstore_projections.ttl.projection import TtlProjection

SEARCH = "search"
LIFECYCLE = "lifecycle"
STREAM_FUNCTIONS = (SEARCH, LIFECYCLE)


def search_projections() -> tuple[Projection, ...]:
    """What the ``search`` function keeps."""
    return (TagsProjection(), FtsProjection(), SummaryProjection())


def lifecycle_projections() -> tuple[Projection, ...]:
    """What the ``lifecycle`` function keeps."""
    return (TtlProjection(), ExpiryProjection())


def inline_projections() -> tuple[Projection, ...]:
    """What a table's observer keeps. It does not see its own writes, so what expires is removed
    outside it (see ``expiry_sweep``), where the other projections hear of it."""
    return (*search_projections(), TtlProjection())


def all_projections() -> tuple[Projection, ...]:
    """Every projection, for what brings entities up to date outside of an observer."""
    return (*search_projections(), *lifecycle_projections())
