"""Orders: by which fields a search sorts, and in which order the rows of a listing come."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
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

    @abstractmethod
    def place(self, row: Row) -> Cursor:
        """The row's values, which lead the next page to what is behind it."""

    def is_behind(self, place: Cursor, cursor: Cursor) -> bool:
        """Whether a place is behind a cursor."""
        for own, reached, ascending in zip(place, cursor, self.ascending, strict=True):
            if own != reached:
                return bool((own > reached) == ascending)
        return False

    def in_order(self, rows: Iterable[_R], cursor: Cursor | None = None) -> list[_R]:
        """Rows that may come in any order, in this one: those behind the cursor."""
        placed = [(self.place(row), row) for row in rows]
        if cursor is not None:
            placed = [one for one in placed if self.is_behind(one[0], cursor)]
        for number, ascending in reversed(list(enumerate(self.ascending))):
            placed.sort(key=lambda one, n=number: one[0][n], reverse=not ascending)  # type: ignore[misc]
        return [row for _, row in placed]


@dataclass(frozen=True, slots=True)
class ColumnOrder(RowOrder):
    """By attributes that are the same kind of value on every row, the last of which differ."""

    orders: tuple[Order, ...]
    columns: Mapping[str, Column]
    types: tuple[type, ...]  # type: ignore[misc]

    @property
    def ascending(self) -> Sequence[bool]:
        return [order.ascending for order in self.orders]

    def place(self, row: Row) -> Cursor:
        return tuple(self.columns[order.on.key].value(row) for order in self.orders)

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


def sort_by(entities: list[_T], value_of: Callable[[_T], Any], *, ascending: bool) -> list[_T]:
    """The entities by a value, those of equal value in the order in which they come.

    NaN and then missing values are last in both directions; ±Infinity stands as it is kept, as
    the largest numbers.
    """
    values = list(map(value_of, entities))
    pairs: Iterable[tuple[Any, _T]] = zip(values, entities, strict=True)
    rest: list[_T] = []
    if not _UNSORTABLE.isdisjoint(map(type, values)):
        present: list[tuple[Any, _T]] = []
        nan: list[_T] = []
        for value, entity in pairs:
            if value is None:
                rest.append(entity)
            elif not isinstance(value, float):
                present.append((value, entity))
            elif math.isnan(value):
                nan.append(entity)
            else:
                present.append((stored(value)[0], entity))
        pairs, rest = present, nan + rest
    return [entity for _, entity in sorted(pairs, key=itemgetter(0), reverse=not ascending)] + rest
