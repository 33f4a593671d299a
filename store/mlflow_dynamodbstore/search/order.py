"""Orders: by which fields a search sorts, and in which order the rows of a listing come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

from dynamodbstore_events.metric_values import stored

from mlflow_dynamodbstore.search.clause import Column, Field, Row

Cursor: TypeAlias = tuple[Any, ...]
"""The place of a row in the order in which rows come: a value for each of its columns, of the types
of ``RowOrder.types``."""

_T = TypeVar("_T")
_R = TypeVar("_R", bound=Row)
_UNSORTABLE: Final = frozenset({float, NoneType})


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by a field; ``pick`` takes from what was found of it the value to sort by."""

    on: Field
    ascending: bool = True
    pick: Callable[[Any], Any] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.on) if self.ascending else f"{self.on} DESC"


class RowOrder(ABC):
    """An order in which rows come. Every row has a value in each column; no two rows are equal."""

    types: ClassVar[tuple[type, ...]]

    @property
    @abstractmethod
    def ascending(self) -> Sequence[bool]:
        """The direction of each column."""

    @property
    @abstractmethod
    def keys(self) -> Sequence[Callable[[Row], Any]]:
        """What each column has of a row."""

    def place(self, row: Row) -> Cursor:
        """The row's values, which lead the next page to what is behind it."""
        return tuple(key(row) for key in self.keys)

    def is_behind(self, place: Cursor, cursor: Cursor) -> bool:
        """Whether a place is behind a cursor."""
        for own, reached, ascending in zip(place, cursor, self.ascending, strict=True):
            if own != reached:
                return bool((own > reached) == ascending)
        return False

    def in_order(self, rows: Iterable[_R], cursor: Cursor | None = None) -> list[_R]:
        """Rows that may come in any order, in this one: those behind the cursor."""
        found = list(rows)
        if cursor is not None:
            found = [row for row in found if self.is_behind(self.place(row), cursor)]
        if len(found) > 1:
            for key, ascending in reversed(list(zip(self.keys, self.ascending, strict=True))):
                found.sort(key=key, reverse=not ascending)
        return found


@dataclass(frozen=True, slots=True)
class ColumnOrder(RowOrder):
    """By attributes that are the same kind of value on every row, the last of which differ."""

    orders: tuple[Order, ...]
    columns: Mapping[str, Column]
    types: tuple[type, ...]  # type: ignore[misc]

    @property
    def ascending(self) -> Sequence[bool]:
        return [order.ascending for order in self.orders]

    @property
    def keys(self) -> Sequence[Callable[[Row], Any]]:
        return [self.columns[order.on.key].value for order in self.orders]

    def __str__(self) -> str:
        return ", ".join(map(str, self.orders))


def groups_sorted(
    rows: Iterable[_R], group_of: Callable[[_R], Any], order: RowOrder
) -> Iterator[_R]:
    """Rows that come in an order but for those of one group, which come together, in that order.

    A row of the group None is passed on at once: to look for what follows may take a request.
    """
    together: list[_R] = []
    group: Any = None
    for row in rows:
        own = group_of(row)
        if together and own != group:
            yield from order.in_order(together)
            together = []
        if own is None:
            yield row
        else:
            group = own
            together.append(row)
    yield from order.in_order(together)


def sort_by(entities: Sequence[_T], values: Sequence[Any], *, ascending: bool) -> list[_T]:
    """The entities by the values that they have, those of equal value in the order they come in.

    NaN and then missing values are last in both directions; ±Infinity stands as it is kept, as
    the largest numbers.
    """
    present: Iterable[int] = range(len(values))
    last: list[int] = []
    if not _UNSORTABLE.isdisjoint(map(type, values)):
        # Only NaN differs from itself.
        values = [stored(v)[0] if isinstance(v, float) and v == v else v for v in values]
        missing = [n for n, value in enumerate(values) if value is None]
        last = [n for n, value in enumerate(values) if value != value] + missing
        present = [n for n, value in enumerate(values) if value is not None and value == value]
    in_order = sorted(present, key=values.__getitem__, reverse=not ascending)
    return [entities[n] for n in (*in_order, *last)]
