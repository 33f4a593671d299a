"""Heartbeats that have reached the stream functions, written as the functions do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from dynamodbstore_projections.all import STREAM_FUNCTIONS, projections_of
from dynamodbstore_projections.heartbeat import arrival, heartbeat
from dynamodbstore_table.port import Table


def now_ms() -> int:
    return int(time.time() * 1000)


def arrive(
    table: Table,
    *,
    age_ms: int = 0,
    functions: Iterable[str] = STREAM_FUNCTIONS,
    without: Iterable[str] = (),
    stream: str | None = None,
) -> None:
    """Let a heartbeat, sent so long ago, have reached these functions, which keep every projection
    of theirs in this version, ``without`` some."""
    left_out = frozenset(without)
    sent_ms = now_ms() - age_ms
    table.write(heartbeat(sent_ms))
    for function in functions:
        kept = [p for p in projections_of(function) if p.name not in left_out]
        table.write(replace(arrival(function, sent_ms, kept, stream), condition=None))
