"""A bounded pool of threads for the requests that one call makes side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dynamodbstore_table.request_count import REQUESTS

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class _Here(threading.local):
    """``working`` is true in the threads of workers."""

    working = False


class Workers:
    """Threads made when they are first needed, anew in a forked process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._made: tuple[int, ThreadPoolExecutor] | None = None
        self._here = _Here()

    def map(
        self, function: Callable[[Argument], Result], arguments: Iterable[Argument]
    ) -> list[Result]:
        """The function's results, in order; when all have ended, the first error is raised.

        A single argument needs no thread. Within a function that a worker calls all are done one
        after the other: workers that wait for workers could wait for ever.
        """
        given = list(arguments)
        if len(given) <= 1 or self._here.working:
            return [function(argument) for argument in given]
        made: list[int] = []

        def counted(argument: Argument) -> Result:
            before = REQUESTS.made
            self._here.working = True
            try:
                return function(argument)
            finally:
                made.append(REQUESTS.made - before)

        pool = self._pool()
        futures = [pool.submit(counted, argument) for argument in given]
        errors = [error for error in (future.exception() for future in futures) if error]
        REQUESTS.made += sum(made)
        if errors:
            raise errors[0]
        return [future.result() for future in futures]

    def close(self) -> None:
        """End the threads."""
        made, self._made = self._made, None
        if made is not None and made[0] == os.getpid():
            made[1].shutdown(wait=True)

    def _pool(self) -> ThreadPoolExecutor:
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        if made is not None:
            self._lock = threading.Lock()
        with self._lock:
            made = self._made
            if made is None or made[0] != os.getpid():
                pool = ThreadPoolExecutor(self._most, thread_name_prefix="dynamodb")
                made = self._made = (os.getpid(), pool)
        return made[1]
