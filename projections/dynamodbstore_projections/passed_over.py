"""Items that no projection and no store can read: damaged ones, and those of others."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dynamodbstore_events.keys import CONFIG, HEARTBEAT_KEY, Key
from dynamodbstore_events.shapes import KINDS, shape_check
from dynamodbstore_table.errors import DamagedItem

from dynamodbstore_projections.projection import Projection

_MOST_NAMED: Final = 1000
_ALWAYS_KNOWN: Final = frozenset({CONFIG, HEARTBEAT_KEY[0], "TRACE", "SPANS", "LINKS"})


@dataclass(slots=True)
class PassedOver:
    """``damaged`` items, by key with what is wrong (the first thousand are named, all counted), and
    ``foreign`` ones, which are of no kind that this version knows. Safe for many threads."""

    damaged_items: int = 0
    foreign_items: int = 0
    damaged: dict[Key, str] = field(default_factory=dict)
    foreign: dict[Key, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look_at(
        self, items: Iterable[Mapping[str, Any]], projections: Iterable[Projection]
    ) -> None:
        """Record those of the given whole items that no projection and no store can read."""
        own = tuple(projections)
        check = shape_check()
        for item in items:
            fault = check.fault(item)
            key = item["PK"], item["SK"]
            if fault is not None:
                self.add_damaged(key, fault)
            elif _is_foreign(key, own):
                self._add_foreign(key)

    def add(self, error: DamagedItem) -> None:
        """Record an item that could not be read."""
        self.add_damaged(error.key, error.fault)

    def add_damaged(self, key: Key, fault: str) -> None:
        """Record a damaged item, once."""
        with self._lock:
            if key not in self.damaged:
                self.damaged_items += 1
                if len(self.damaged) < _MOST_NAMED:
                    self.damaged[key] = fault

    def _add_foreign(self, key: Key) -> None:
        with self._lock:
            self.foreign_items += 1
            if len(self.foreign) < _MOST_NAMED:
                self.foreign[key] = "of no kind that this version knows"


def _is_foreign(key: Key, projections: tuple[Projection, ...]) -> bool:
    kind = key[0].partition("#")[0]
    if kind in KINDS or kind in _ALWAYS_KNOWN:
        return False
    return not any(p.owns(key) or p.owner(key) is not None for p in projections)
