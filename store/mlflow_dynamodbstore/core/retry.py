"""Trying again what others keep changing meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from dynamodbstore_table.errors import DamagedItem, TransactionConflict

from mlflow_dynamodbstore.core.long_texts import Gone

_T = TypeVar("_T")

_SECONDS: Final = 60.0
_FIRST_WAIT_SECONDS: Final = 0.002
_LONGEST_WAIT_SECONDS: Final = 0.2
_LOOKS_FOR_WHAT_IS_GONE: Final = 5


class Contention:
    """The waits of one writer who lost to another, and tries again with what is there now.

    ``changing`` names what others change too. The first wait is none; each later one is a random
    time of up to twice the longest before.
    """

    def __init__(self, changing: str) -> None:
        self._changing = changing
        self._deadline = time.monotonic() + _SECONDS
        self._longest = 0.0

    def wait(self) -> None:
        """Wait before the next attempt; raises ``TransactionConflict`` after a minute of them."""
        if time.monotonic() > self._deadline:
            raise TransactionConflict(
                f"{self._changing} changes faster than it can be changed here"
            )
        if self._longest:
            time.sleep(random.random() * self._longest)
        self._longest = min(2 * self._longest or _FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)


def retried(changing: str, attempt: Callable[[], _T], on: tuple[type[Exception], ...]) -> _T:
    """What an attempt returns that does not raise ``on``; between attempts it waits.

    Raises as ``Contention``, and ``DamagedItem`` where what an item refers to is missing, and
    nobody has replaced it.
    """
    contention = Contention(changing)
    missing: list[str] = []
    while True:
        try:
            return attempt()
        except on as error:
            if isinstance(error, Gone):
                missing.append(str(error))
                if missing[-_LOOKS_FOR_WHAT_IS_GONE:] == [str(error)] * _LOOKS_FOR_WHAT_IS_GONE:
                    place = error.place.format(error)
                    raise DamagedItem((changing, place), error.fault) from error
            contention.wait()
