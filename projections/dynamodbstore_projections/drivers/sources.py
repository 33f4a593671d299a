"""Where a replay reads which items exist: a scan of the table, or an export of it on disk.

Only keys are taken: the items themselves are read from the table. A source has parts, read side
by side; each is a sequence of pages, and can be resumed behind any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from dynamodbstore_events.keys import Key
from dynamodbstore_table.port import Item, Table

_MOST_KEYS: Final = 500

Position: TypeAlias = Mapping[str, Any]
"""Where a part goes on, as JSON."""


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys of a part, and where the part goes on (None: that was all); with the whole items,
    where the source has them at no cost."""

    keys: list[Key]
    next: Position | None
    items: Sequence[Item] = ()


class Source(Protocol):
    """Keys of a table, in parts.

    ``identity`` differs from that of any other source, as JSON. ``as_of_ms`` is the time whose
    items the source has; None for the live table, which has those of any time up to its reading.
    """

    @property
    def as_of_ms(self) -> int | None: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    @property
    def parts(self) -> tuple[str, ...]: ...

    def pages(self, part: str, start: Position | None) -> Iterator[KeyPage]:
        """The pages of a part from a position on (None: from its beginning)."""
        ...


class TableScan:
    """The live table, in parallel segments; a partition is wholly in one of them."""

    def __init__(self, table: Table, segments: int = 1) -> None:
        self._table = table
        self._segments = segments

    @property
    def as_of_ms(self) -> int | None:
        return None

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"source": "table", "segments": self._segments}

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(str(segment) for segment in range(self._segments))

    def pages(self, part: str, start: Position | None) -> Iterator[KeyPage]:
        """Raises a ``TableError``."""
        while True:
            page = self._table.scan(int(part), self._segments, start)
            keys: list[Key] = [(item["PK"], item["SK"]) for item in page.items]
            # A page of 1 MB may lead to thousands of entities: that is too much to do twice.
            for first in range(0, len(keys) - _MOST_KEYS, _MOST_KEYS):
                some = keys[first : first + _MOST_KEYS]
                position = {"PK": some[-1][0], "SK": some[-1][1]}
                yield KeyPage(some, position, page.items[first : first + _MOST_KEYS])
            last = max(0, len(keys) - 1) // _MOST_KEYS * _MOST_KEYS
            yield KeyPage(keys[last:], page.next, page.items[last:])
            if page.next is None:
                return
            start = page.next
