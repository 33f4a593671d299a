"""Registered models in the order of their names, from one place on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dynamodbstore_events.keys import name_beginning
from dynamodbstore_table.port import EVERY, Item, SortRange, Table, begins_with

from mlflow_dynamodbstore.registered_models.search.clauses import AttributeClause
from mlflow_dynamodbstore.search.listings import Listing, merged_listings

_LONG_CHARACTERS: Final = 200
"""A name of fewer surely stands whole in its sort key."""


@dataclass(frozen=True, slots=True)
class Names:
    """Models by name, those whose names begin with ``prefix``, behind the name ``after``, or
    from it on."""

    listings: tuple[Listing, ...]
    ascending: bool = True
    prefix: str = ""
    after: str | None = None
    from_it_on: bool = False


def by_name(table: Table, names: Names, page_size: int) -> Iterator[Item]:
    """The META items of the models in order; pages are read as they are needed."""
    keys = _keys(names)
    if keys is None:
        return iter(())
    merged = merged_listings(
        table, names.listings, keys, reverse=not names.ascending, page_size=page_size
    )
    in_order = _long_names_sorted(merged, names.ascending)
    if names.after is None and not names.prefix:
        return in_order
    return (meta for meta in in_order if passes(names, meta))


def in_name_order(metas: Iterable[Item], names: Names) -> list[Item]:
    """META items that did not come from the listings, as ``by_name`` would give them."""
    return _sorted((meta for meta in metas if passes(names, meta)), names.ascending)


def passes(names: Names, meta: Item) -> bool:
    """Whether a model is among ``names``, whatever listing it is in."""
    name: str = meta["name"]
    if not name.startswith(names.prefix):
        return False
    if names.after is None or (names.from_it_on and name == names.after):
        return True
    return name > names.after if names.ascending else name < names.after


def prefix_of(clauses: Iterable[AttributeClause]) -> str:
    """What every name that passes these clauses begins with, as far as a LIKE tells it."""
    prefixes = (like_prefix(c.value) for c in clauses if c.comparator == "LIKE")
    return max(prefixes, key=len, default="")


def like_prefix(pattern: str) -> str:
    """The literal beginning of a LIKE pattern: what every text that matches begins with."""
    ends = [end for end in map(pattern.find, "%_\0") if end >= 0]
    return pattern[: min(ends)] if ends else pattern


def _keys(names: Names) -> SortRange | None:
    """The sort keys to read; None where there can be none."""
    keys = begins_with(name_beginning(names.prefix)) if names.prefix else EVERY
    low, high = keys.low, keys.high
    if names.after is not None:
        # Names that are long alike are listed in no order: all of them are looked at again.
        reached = name_beginning(names.after)
        whole = reached == names.after
        if names.ascending:
            behind = f"{reached}\0" if whole and not names.from_it_on else reached
            low = behind if low is None else max(low, behind)
        else:
            before = reached if whole else begins_with(reached).high
            high = before if high is None or before is None else min(high, before)
    if low is not None and high is not None and low > high:
        return None
    return SortRange(low, high)


def _long_names_sorted(metas: Iterator[Item], ascending: bool) -> Iterator[Item]:
    """The items with those whose names are long alike put in order.

    Others are passed on at once: to look for what comes behind may take a request.
    """
    alike: list[Item] = []
    beginning = ""
    for meta in metas:
        name: str = meta["name"]
        if alike and name_beginning(name) != beginning:
            yield from _sorted(alike, ascending)
            alike = []
        if len(name) < _LONG_CHARACTERS:
            yield meta
        else:
            beginning = name_beginning(name)
            alike.append(meta)
    yield from _sorted(alike, ascending)


def _sorted(metas: Iterable[Item], ascending: bool) -> list[Item]:
    return sorted(metas, key=lambda meta: meta["name"], reverse=not ascending)
