"""How many requests a thread has had made, so that a slow operation can say what it was."""

from __future__ import annotations

import threading


class _Count(threading.local):
    """``made`` counts the requests that this thread made, or had made by workers, since it began:
    the SDK's own retries are not counted."""

    made = 0


REQUESTS = _Count()
