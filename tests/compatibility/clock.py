"""The time of this process, set to a date, from which it runs on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from unittest import mock

DAY_SECONDS = 86_400
NOW = datetime(2026, 12, 1, tzinfo=timezone.utc).timestamp()
"""When the fixtures are read (Unix seconds). What has a time to live was written for this date."""


@contextmanager
def days_from_now(days: float) -> Iterator[None]:
    """Within it, ``time.time`` and ``time.time_ns`` begin at ``NOW`` plus a number of days."""
    real, begun = time.time, time.time()

    def shifted() -> float:
        return real() - begun + NOW + days * DAY_SECONDS

    def shifted_ns() -> int:
        return int(shifted() * 1e9)

    with mock.patch("time.time", shifted), mock.patch("time.time_ns", shifted_ns):
        yield


def ms(days: float, more_ms: int = 0) -> int:
    """``NOW`` plus days and milliseconds, as Unix ms."""
    return int((NOW + days * DAY_SECONDS) * 1000) + more_ms
