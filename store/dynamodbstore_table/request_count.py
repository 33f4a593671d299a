"""How many requests were made for a thread, so that the log of a slow call can report them."""

from __future__ import annotations

import threading


class _Count(threading.local):
    """``made`` counts the requests that this thread made, or had made by workers, since it began:
    the SDK's own retries are not counted."""

    made = 0


REQUESTS = _Count()
