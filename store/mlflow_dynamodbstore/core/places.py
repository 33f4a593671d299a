"""Places for what is logged: see ``dynamodbstore_events.places``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_STEPS_A_SECOND: Final = 100_000
_STEP: Final = 10
_ORIGIN_SECONDS: Final = 1_767_225_600
"""The beginning of 2026, UTC."""


class Places:
    """Gives ascending places, of which no two are the same, to all threads of a process.

    They follow the clock, and go on by single steps where it stands still or is set back.
    """

    def __init__(self, clock: Callable[[], float] = lambda: time.time()) -> None:
        self._clock = clock
        self._next = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """One place, behind every place that was given before."""
        return self.take(1)[0]

    def take(self, count: int) -> range:
        """``count`` places, all behind every place that was given before."""
        now = int((self._clock() - _ORIGIN_SECONDS) * _STEPS_A_SECOND)
        with self._lock:
            first = max(now, self._next)
            self._next = first + count
        return range(_STEP * first + 1, _STEP * (first + count) + 1, _STEP)
