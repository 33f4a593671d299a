"""Work that calls of a store do a little of, beside their own."""

from __future__ import annotations

from collections.abc import Callable


class Housekeeping:
    """Calls that begin or end something also do some of this work, once there is any."""

    def __init__(self) -> None:
        self._work: Callable[[], None] | None = None

    def use(self, work: Callable[[], None]) -> None:
        """Set the work that is done; ``work`` returns soon, even if some is left."""
        self._work = work

    def do_some(self) -> None:
        """Do a little of the work."""
        if self._work is not None:
            self._work()
