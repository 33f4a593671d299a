"""Heartbeats: how a server sees that the stream functions are at work."""

from __future__ import annotations

from collections.abc import Iterable

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_table.port import Op, Put, Table

from dynamodbstore_projections.config import PROJECTOR

FRESH_MS = 15 * 60 * 1000
"""Three of the five-minute beats."""


def beat(name: str, now_ms: int) -> Op:
    """The op that says that a stream function was alive at ``now_ms``."""
    return Put({"PK": CONFIG, "SK": f"{PROJECTOR}{name}", "at": now_ms})


def last_beats(table: Table, names: Iterable[str]) -> dict[str, int | None]:
    """When each function last said that it was alive (ms); None for never, and for nonsense."""
    wanted = {name: (CONFIG, f"{PROJECTOR}{name}") for name in names}
    found = table.batch_get(wanted.values())
    told = {name: found.get(key, {}).get("at") for name, key in wanted.items()}
    return {name: at if isinstance(at, int) else None for name, at in told.items()}


def all_fresh(beats: Iterable[int | None], now_ms: int) -> bool:
    """Whether every one of the beats is at most 15 minutes old."""
    return all(at is not None and now_ms - at <= FRESH_MS for at in beats)
