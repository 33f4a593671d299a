"""The event that every driver of the projections makes: an entity's item has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodbstore_events.values import value


@value
class ChangeEvent:
    """One item of the table was written or removed.

    ``pk`` and ``sk`` are the item's key. ``old`` is the item as it was before, where the engine
    gives it at no cost (a hint only: a projection reads the canonical items as they are now).
    ``removed`` is true when the item has gone, ``expired`` when its time to live removed it.
    """

    pk: str
    sk: str
    old: Mapping[str, Any] | None = None
    removed: bool = False
    expired: bool = False
