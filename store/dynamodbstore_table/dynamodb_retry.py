"""Exponential backoff with full jitter, bounded by a number of attempts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: a random part of ``base_s`` doubled each time.

    ``base_s`` and ``cap_s`` are in seconds, ``attempts`` counts the first attempt too. The default
    waits ten seconds in all, on average, before it gives up.
    """

    base_s: float = 0.05
    cap_s: float = 8.0
    attempts: int = 10

    def delays(self) -> Iterator[float]:
        """The seconds to wait before each further attempt."""
        for attempt in range(self.attempts - 1):
            # Full jitter: clients that collided once must not meet again.
            yield random.uniform(0, min(self.cap_s, self.base_s * 2**attempt))

    def retry(self, attempt: Callable[[], Result], on: tuple[type[Exception], ...]) -> Result:
        """Call ``attempt`` until it raises none of ``on``; raise the last one when all have."""
        for delay in self.delays():
            try:
                return attempt()
            except on:
                time.sleep(delay)
        return attempt()
