"""Registered models in the order of their names, and those of some names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import ClassVar, Final

from dynamodbstore_events.keys import name_beginning, registered_model_key
from dynamodbstore_table.port import EVERY, Item, SortRange, Table, begins_with

from mlflow_dynamodbstore.core.claims import REGISTERED_MODEL_KIND, claim_key
from mlflow_dynamodbstore.registered_models.filters import NAME
from mlflow_dynamodbstore.registered_models.model_items import meta_key
from mlflow_dynamodbstore.search.clause import Column
from mlflow_dynamodbstore.search.listings import Listing, merged_listings
from mlflow_dynamodbstore.search.order import ColumnOrder, Cursor, Order, groups_sorted
from mlflow_dynamodbstore.search.sources import Source
from mlflow_dynamodbstore.versioned.items import has_name

_LONG_CHARACTERS: Final = 200
"""A name of fewer surely stands whole in its sort key."""
_READ_AT_ONCE: Final = 1000
NAME_COLUMN: Final = Column(itemgetter("name"), "name")


def name_order(ascending: bool) -> ColumnOrder:
    """The order of models by their names, which differ."""
    return ColumnOrder((Order(NAME, ascending),), {NAME.key: NAME_COLUMN}, (str,))


@dataclass(frozen=True, slots=True)
class NamesListed(Source):
    """The models in listings in the order of their names, of those that begin with ``prefix``."""

    listings: tuple[Listing, ...]
    ascending: bool = True
    prefix: str = ""

    in_order: ClassVar[bool] = True

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item]:
        return self.behind(table, None if cursor is None else cursor[0], chunk)

    def behind(
        self, table: Table, after: str | None, page_size: int, *, with_it: bool = False
    ) -> Iterator[Item]:
        """The META items of the models behind a name (or from it on, ``with_it``), in order; pages
        are read as they are needed."""
        keys = self._keys(after, with_it)
        if keys is None:
            return
        merged = merged_listings(
            table,
            self.listings,
            keys,
            reverse=not self.ascending,
            page_size=min(page_size, _READ_AT_ONCE),
        )
        listed = groups_sorted(merged, _group, name_order(self.ascending))
        if after is None and not self.prefix:
            yield from listed
            return
        for meta in listed:
            name: str = meta["name"]
            is_behind = after is None or (
                with_it if name == after else (name > after) == self.ascending
            )
            if is_behind and name.startswith(self.prefix):
                yield meta

    def _keys(self, after: str | None, with_it: bool) -> SortRange | None:
        """The sort keys to read; None where there can be none."""
        keys = begins_with(name_beginning(self.prefix)) if self.prefix else EVERY
        low, high = keys.low, keys.high
        if after is not None:
            # Names that are long alike are listed in no order: all of them are looked at again.
            reached = name_beginning(after)
            whole = reached == after
            if self.ascending:
                behind = f"{reached}\0" if whole and not with_it else reached
                low = behind if low is None else max(low, behind)
            else:
                before = reached if whole else begins_with(reached).high
                high = before if high is None or before is None else min(high, before)
        if low is not None and high is not None and low > high:
            return None
        return SortRange(low, high)

    def lines(self, noun: str) -> Iterator[str]:
        order = "ascending" if self.ascending else "descending"
        yield f"candidates: {noun}, read by name {order}{self.beginning}"
        yield from (f"  {listing}" for listing in self.listings)

    @property
    def beginning(self) -> str:
        """Which names are read, in words."""
        return f", those that begin with {self.prefix!r}" if self.prefix else ""


def _group(meta: Item) -> str | None:
    """What a model's name has in common with those that are long alike; None for a short one."""
    name: str = meta["name"]
    return None if len(name) < _LONG_CHARACTERS else name_beginning(name)


@dataclass(frozen=True, slots=True)
class ByNames(Source):
    """The models that have some names now, in one request where none was ever renamed."""

    workspace: str
    names: tuple[str, ...]

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item]:
        claims = {n: claim_key(self.workspace, REGISTERED_MODEL_KIND, n) for n in self.names}
        guesses = {name: meta_key(registered_model_key(self.workspace, name)) for name in claims}
        found = table.batch_get([*claims.values(), *guesses.values()])
        keys = {
            name: meta_key(found[claim]["id"]) for name, claim in claims.items() if claim in found
        }
        elsewhere = [key for name, key in keys.items() if key != guesses[name]]
        if elsewhere:
            found |= table.batch_get(elsewhere)
        metas = ((name, found.get(key)) for name, key in keys.items())
        return [meta for name, meta in metas if meta is not None and has_name(meta, name)]

    def lines(self, noun: str) -> Iterator[str]:
        yield f"candidates: {noun} with {len(self.names)} name(s)"
