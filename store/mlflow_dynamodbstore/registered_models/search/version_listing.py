"""All versions of a workspace in the order of their last update.

Renaming a model counts as an update of its versions, but writes none of them. So the listing is
merged with that of the models that were renamed: the versions that were not changed since stand
where their model does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Final

from dynamodbstore_events.keys import (
    GSI2,
    VERSIONS,
    parse_newest_first,
    renamed_models_lookup,
)
from dynamodbstore_table.port import EVERY, Item, SortRange, Table, begins_with

from mlflow_dynamodbstore.registered_models.search.found_version import FoundVersion, Models
from mlflow_dynamodbstore.search.listings import (
    Listing,
    TimeOrder,
    TimeRange,
    merged_listings,
    sort_range,
)

_READ_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Updates:
    """The versions of a workspace by last update, from the time ``reached`` (ms) on."""

    workspace: str
    listing: Listing
    newest_first: bool
    reached: int | None = None

    @property
    def keys(self) -> SortRange | None:
        """The sort keys of what is left to read; None where there can be none."""
        times = TimeRange()
        if self.reached is not None and self.newest_first:
            times = TimeRange(latest=self.reached)
        elif self.reached is not None:
            times = TimeRange(earliest=self.reached)
        return sort_range(TimeOrder(self.newest_first), times, None)


def every_version(table: Table, listing: Listing) -> Iterator[Item]:
    """Every entry of the listing."""
    return merged_listings(table, [listing], EVERY, reverse=False, page_size=_READ_AT_ONCE)


def by_update(
    table: Table, updates: Updates, models: Models, chunk: int
) -> Iterator[tuple[int, list[FoundVersion]]]:
    """The versions in groups of the same time (ms), in the order of the times; in a group in none.

    About ``chunk`` entries are read at a time.
    """
    direction = -1 if updates.newest_first else 1
    merged = heapq.merge(
        _unmoved(table, updates, models, chunk),
        _renamed(table, updates),
        key=lambda entry: direction * entry[0],
    )
    for time_ms, group in groupby(merged, lambda entry: entry[0]):
        found: list[FoundVersion] = []
        for _, entry in group:
            if isinstance(entry, str):
                found += _moved_with(table, models, entry, time_ms)
            else:
                found.append(entry)
        yield time_ms, found


def _unmoved(
    table: Table, updates: Updates, models: Models, chunk: int
) -> Iterator[tuple[int, FoundVersion | str]]:
    """The versions that were changed after their model was renamed, if it ever was."""
    if updates.keys is None:
        return
    reverse = not updates.newest_first
    listed = merged_listings(
        table, [updates.listing], updates.keys, reverse=reverse, page_size=chunk
    )
    while some := list(islice(listed, chunk)):
        for found in models.versions(some):
            own: int = found.version["updated"]
            if found.value("updated") == own:
                yield own, found


def _renamed(table: Table, updates: Updates) -> Iterator[tuple[int, FoundVersion | str]]:
    """The partition keys of models, each at the time of its renaming."""
    if updates.keys is None:
        return
    lookup = renamed_models_lookup(updates.workspace)
    for item in table.query_all(
        lookup, index=GSI2, sk=updates.keys, reverse=not updates.newest_first
    ):
        yield parse_newest_first(item["gsi2sk"])[0], item["PK"]


def _moved_with(table: Table, models: Models, pk: str, renamed: int) -> Iterator[FoundVersion]:
    """The versions of a model that were not changed since it was renamed, at that time."""
    for found in models.versions(table.query_all(pk, sk=begins_with(VERSIONS))):
        if found.version["updated"] < found.value("updated") == renamed:
            yield found
