"""How long the points of a metric's history are kept.

A point is kept for the days that the configuration gave when it was logged, to the end of the last
of them (UTC): its ``End`` is the first day, counted since 1970, on which it is not shown any more.
Days, because all keys of a run then begin at the same moment, in whatever form their points are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from dynamodbstore_projections.config import DAY_SECONDS, Config, ConfigSource
from dynamodbstore_table.port import Table

End: TypeAlias = int

NEVER: Final[End] = 0
"""The end of what is kept for ever."""
UNKNOWN: Final[End] = -1
"""The end of what an older version logged one by one: it is kept, until it is sealed."""


class HistoryEnds(NamedTuple):
    """Give the end of what is logged now: ``latest`` by the configuration as it was last read,
    which costs no look at it, and ``current`` as it is (see ``ConfigSource.current``)."""

    latest: Callable[[], End]
    current: Callable[[], End]


def history_ends(config: ConfigSource, table: Table) -> HistoryEnds:
    """The ends that the configuration of a table gives."""

    def end(of: Config) -> End:
        days = of.ttl.metric_history_retention_days
        return -(-(int(table.now()) + days * DAY_SECONDS) // DAY_SECONDS) if days else NEVER

    return HistoryEnds(lambda: end(config.latest()), lambda: end(config.current()))


KEPT_FOR_EVER: Final = HistoryEnds(lambda: NEVER, lambda: NEVER)


def today(table: Table) -> int:
    """The day, counted since 1970, UTC."""
    return int(table.now()) // DAY_SECONDS


def is_over(end: End, day: int) -> bool:
    """Whether a point is not shown any more on a day."""
    return NEVER < end <= day
