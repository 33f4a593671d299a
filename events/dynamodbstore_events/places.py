"""The order in which tags, params and metrics were first logged: an item keeps its place.

A place is a whole number: microseconds since 2026, in steps of ten, by the clock of the process
that logged it first. It ends in 1, because DynamoDB does not count zeros at the end of a number:
so each takes the same bytes, eight until 2029, then nine until 2057. What was written before there
were places has none, and comes behind, by its sort key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

PLACE: Final = "o"
_BEHIND: Final = 1 << 62

_Item = TypeVar("_Item", bound=Mapping[str, Any])


def in_place(items: Iterable[_Item]) -> list[_Item]:
    """The items in the order of their places; those without one behind, in the order given."""
    return sorted(items, key=_place)


def _place(item: Mapping[str, Any]) -> int:
    place: int = item.get(PLACE, _BEHIND)
    return place
