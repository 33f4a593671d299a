"""Heartbeats: how a server sees that the stream functions keep the projections.

A heartbeat goes the whole way that a change goes. A schedule writes the item ``HEARTBEAT``, the
table's stream carries it, and each function that it reaches marks it in ``CONFIG``/
``PROJECTOR#<name>``: ``at``, when the heartbeat was sent (ms); ``projections``, the version of each
one that the function keeps; ``stream``, the stream that it reads. So a mark gets old if the
schedule stops, if the stream is off or is not the one that the function reads, or if the function
fails or is far behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dynamodbstore_events.keys import CONFIG, HEARTBEAT_KEY, Key
from dynamodbstore_table.conditions import Compare, Missing, either
from dynamodbstore_table.port import Item, Op, Put, Table, Update

from dynamodbstore_projections.config import PROJECTOR
from dynamodbstore_projections.projection import Projection

FRESH_MS: Final = 15 * 60 * 1000
"""Three of the five-minute heartbeats."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The last heartbeat that reached a function: when it was sent (ms; None for never), the
    versions of the projections that the function keeps, and the ARN of the stream it came by."""

    at: int | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    stream: str | None = None

    def is_fresh(self, now_ms: int) -> bool:
        """Whether it was sent within the last 15 minutes."""
        return self.at is not None and now_ms - self.at <= FRESH_MS

    def keeps(self, projection: Projection) -> bool:
        """Whether the function keeps a projection in this code's version, or a later one."""
        return self.versions.get(projection.name, 0) >= projection.version


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """When the schedule last sent one (ms; None for never), and by function what arrived."""

    sent: int | None
    arrived: Mapping[str, Arrived]

    def missing(self, projections: Iterable[Projection], now_ms: int) -> frozenset[str]:
        """The names of those projections that no function keeps: its last heartbeat is old, or
        does not name the projection in this code's version."""
        return frozenset(
            p.name
            for p in projections
            if not (found := self.arrived.get(p.function, Arrived())).is_fresh(now_ms)
            or not found.keeps(p)
        )


def heartbeat(now_ms: int) -> Op:
    """The op that sends a heartbeat."""
    pk, sk = HEARTBEAT_KEY
    return Put({"PK": pk, "SK": sk, "at": now_ms})


def arrival(
    function: str, sent_ms: int, projections: Iterable[Projection], stream: str | None = None
) -> Update:
    """The op that marks that a heartbeat, sent at a time, has reached a function that keeps these
    projections. Its condition fails for a heartbeat older than the last one marked."""
    shown: dict[str, Any] = {
        "at": sent_ms,
        "projections": {p.name: p.version for p in projections},
    }
    if stream is not None:
        shown["stream"] = stream
    newer = either(Missing("at"), Compare("at", "<=", sent_ms))
    return Update(_mark_key(function), set=shown, condition=newer)


def read_heartbeats(table: Table, functions: Iterable[str]) -> Heartbeats:
    """What the table shows of these functions, in one request. A malformed item counts as missing.
    Raises a ``TableError``."""
    keys = {function: _mark_key(function) for function in functions}
    found = table.batch_get([HEARTBEAT_KEY, *keys.values()])
    return Heartbeats(
        _time(found.get(HEARTBEAT_KEY, {})),
        {function: _arrived(found.get(key, {})) for function, key in keys.items()},
    )


def _mark_key(function: str) -> Key:
    return CONFIG, f"{PROJECTOR}{function}"


def _arrived(item: Item) -> Arrived:
    versions, stream = item.get("projections"), item.get("stream")
    return Arrived(
        _time(item),
        {name: version for name, version in versions.items() if isinstance(version, int)}
        if isinstance(versions, dict)
        else {},
        stream if isinstance(stream, str) else None,
    )


def _time(item: Item) -> int | None:
    at = item.get("at")
    return at if isinstance(at, int) else None
