"""Calls of a store's methods that take long, told when they end.

What is done on every call (``errors.translated``) is two readings of the clock and a comparison;
the rest is for the slow ones.
"""

from __future__ import annotations

import sys
from types import FrameType

from mlflow_dynamodbstore import logs

NEVER = float("inf")


class _Limit:
    """``seconds`` from which a call of this process is slow; set when a store is opened."""

    seconds = NEVER


LIMIT = _Limit()


def watch(slow_ms: int) -> None:
    """Tell of calls that take so many milliseconds or more, of every store of this process; 0
    tells of none."""
    LIMIT.seconds = slow_ms / 1000 if slow_ms else NEVER


def tell(operation: str, seconds: float, requests: int) -> None:
    """Tell of a slow call, unless another method of a store made it, which tells of itself.

    To be called by the function around every method and by nothing else.
    """
    around = sys._getframe(1)
    frame: FrameType | None = around.f_back
    while frame is not None:
        if frame.f_code is around.f_code:
            return
        frame = frame.f_back
    logs.slow_operation(operation, seconds * 1000, requests)
