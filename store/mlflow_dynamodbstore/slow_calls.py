"""From how many seconds on a call of a store's method is slow, so that it is logged when it ends.

The wrapper around each method (``stores.assemble``) compares; the rest is for the slow ones.
"""

from __future__ import annotations

NEVER = float("inf")


class _Limit:
    """``seconds`` from which a call of this process is slow; set when a store is opened."""

    seconds = NEVER


LIMIT = _Limit()


def watch(slow_ms: int) -> None:
    """Log calls that take so many milliseconds or more, of every store of this process; 0 logs
    none."""
    LIMIT.seconds = slow_ms / 1000 if slow_ms else NEVER
