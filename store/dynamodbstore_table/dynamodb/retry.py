"""Exponential backoff with full jitter, bounded by a number of attempts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Retry:
    """A request that is about to be made again.

    ``operation`` is DynamoDB's name for it (``PutItem``), ``reason`` what it met (``Throttled``,
    ``TransactionConflict``, ``Unprocessed``, else the SDK's word for it), ``attempt`` the one that
    failed, from 1 on. ``pause_ms`` is how long is waited; None where the SDK waits by itself.
    """

    operation: str
    reason: str
    attempt: int
    pause_ms: float | None = None


OnRetry: TypeAlias = Callable[[Retry], None]
OnPause: TypeAlias = Callable[[str, int, float], None]


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

    def retry(
        self,
        attempt: Callable[[], Result],
        on: tuple[type[Exception], ...],
        on_pause: OnPause = lambda reason, number, seconds: None,
    ) -> Result:
        """Call ``attempt`` until it raises no error of ``on``; raise the last one when all have.

        ``on_pause`` receives the name of what was raised, the number of the attempt, and the
        seconds until the next attempt.
        """
        for number, delay in enumerate(self.delays(), 1):
            try:
                return attempt()
            except on as error:
                on_pause(type(error).__name__, number, delay)
                time.sleep(delay)
        return attempt()
