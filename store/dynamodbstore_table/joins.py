"""Listings joined with other items of the listed partitions: what an engine at hand can do.

A remote table reads a listing, and then the items that decide by their keys. An engine in this
process looks for these while it lists, and hands out only the listed items that they let pass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.port import EVERY, Item, Page, SortRange, Start, Table


@dataclass(frozen=True, slots=True)
class Having:
    """The partition of a listed item has an item under ``sk`` that passes ``test``.

    ``condition`` holds of every item that passes the test, so that others need not be read.
    """

    sk: str
    test: Callable[[Item], bool] = field(compare=False, repr=False)
    condition: Condition | None = None


class JoiningTable(Table):
    """A table whose engine joins a listing with other items of the partitions it lists."""

    @abstractmethod
    def query_having(
        self,
        pk: str,
        having: Sequence[Having],
        *,
        sk: SortRange = EVERY,
        filter: Condition | None = None,
        reverse: bool = False,
        limit: int,
        start: Start | None = None,
        attributes: Sequence[str] | None = None,
    ) -> Page:
        """As ``query`` of ``GSI1``, without what fails any of ``having`` (1 to 20, each of a sort
        key of its own).

        A listed item brings each item that it was joined with, as the attribute named by that
        item's sort key; ``attributes`` need not name these.
        """
