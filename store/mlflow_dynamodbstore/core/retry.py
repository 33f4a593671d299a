"""Trying again what others keep changing meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from dynamodbstore_table.errors import DamagedItem, TransactionConflict

from mlflow_dynamodbstore.core.long_texts import TextReplaced

_T = TypeVar("_T")

_SECONDS: Final = 60.0
_FIRST_WAIT_SECONDS: Final = 0.002
_LONGEST_WAIT_SECONDS: Final = 0.2
_LOOKS_FOR_A_TEXT: Final = 5


def retried(changing: str, attempt: Callable[[], _T], on: tuple[type[Exception], ...]) -> _T:
    """What an attempt returns that does not raise ``on``, with a random wait before the next one.

    Raises ``TransactionConflict``, which names what is ``changing``, after a minute of them, and
    ``DamagedItem`` where a long text is missing that nobody has replaced.
    """
    deadline = time.monotonic() + _SECONDS
    missing: list[str] = []
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            return attempt()
        except on as error:
            if isinstance(error, TextReplaced):
                missing.append(str(error))
                if missing[-_LOOKS_FOR_A_TEXT:] == [str(error)] * _LOOKS_FOR_A_TEXT:
                    raise DamagedItem((changing, f"TEXT#{error}"), "its text is lost") from error
            if time.monotonic() > deadline:
                raise TransactionConflict(
                    f"{changing} changes faster than it can be changed here"
                ) from error
        time.sleep(random.random() * wait)
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
