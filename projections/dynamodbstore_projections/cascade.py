"""What hangs below an entity, in one place: for expiry, ``mlflow gc`` and deletion alike.

Keys come in an order in which they may be removed up to any point: what leads to other items comes
after these, and META, which leads to all of it, is not among them. So a removal that is cut short
goes on where it stood when it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final, TypeAlias

from dynamodbstore_events.entities import EXPERIMENT, MODEL, REGISTERED_MODEL, RUN, TRACE
from dynamodbstore_events.keys import (
    GSI1,
    META,
    Key,
    dataset_pk,
    dataset_sk,
    model_metrics_marker_sk,
    models_listing,
    runs_listing,
    traces_listing,
    unpart,
)
from dynamodbstore_table.conditions import Condition, equals
from dynamodbstore_table.port import EVERY, Delete, Item, SortRange, Table, begins_with

from dynamodbstore_projections.projection import Bulk, Writes

_PAGE: Final = 1000
_LISTED_AT_ONCE: Final = 100
_READ_AT_ONCE: Final = 25
_KEYS: Final = ("PK", "SK")
_MARKER: Final = model_metrics_marker_sk("")
_DATASET: Final = dataset_sk("")

Branch: TypeAlias = tuple[Key, bool]
"""The key of an item, and whether it is a leaf: nothing else is found by it."""


@dataclass(slots=True)
class Harvest:
    """Keys to remove; ``room`` is how many more may be taken. ``leaves`` go first, then the items
    that lead to them, then the META items of entities of which nothing else is left."""

    room: int
    leaves: list[Key] = field(default_factory=list)
    branches: list[Key] = field(default_factory=list)
    metas: list[Key] = field(default_factory=list)

    def take(self, keys: Iterable[Branch]) -> bool:
        """Take the keys as far as there is room for them; whether that was all."""
        for key, leaf in keys:
            if self.room <= 0:
                return False
            (self.leaves if leaf else self.branches).append(key)
            self.room -= 1
        return True

    def take_meta(self, key: Key) -> None:
        self.metas.append(key)
        self.room -= 1

    def removals(self) -> Writes:
        """The writes that remove what was taken."""
        return [Bulk(step) for step in self.steps()]

    def steps(self) -> list[tuple[Delete, ...]]:
        """The deletions, in steps of which each is done before the next begins."""
        steps = (self.leaves, self.branches, self.metas)
        return [tuple(Delete(key) for key in keys) for keys in steps if keys]


def below(table: Table, kind: str, pk: str) -> Iterator[Branch]:
    """What belongs to the entity of a kind with this partition key, but for META; of an experiment
    not its runs, models and traces, which are entities of their own."""
    return _BELOW[kind](table, pk)


def remove_below(table: Table, kind: str, pk: str) -> None:
    """Remove what belongs to an entity, but for META, a thousand items at a time."""
    branches = below(table, kind, pk)
    while chunk := list(islice(branches, _PAGE)):
        harvest = Harvest(len(chunk))
        harvest.take(chunk)
        for step in harvest.steps():
            table.bulk(step)


def below_run(table: Table, pk: str) -> Iterator[Branch]:
    """What belongs to a run, but for META: its history, what it logged to models, its own items."""
    part = pk.partition("#")[2]
    yield from _leaves(table, f"HIST#{part}")
    for key in _partition(table, pk):
        if key[1].startswith(_MARKER):
            model = f"{MODEL}#{key[1][len(_MARKER) :]}"
            by_run = equals("run_id", unpart(part))
            yield from _leaves(table, model, begins_with("METRIC#"), by_run)
        if key[1] != META:
            yield key, False


def below_model(table: Table, pk: str) -> Iterator[Branch]:
    """The items of a logged model, or of a named thing with versions, but for META."""
    return ((key, False) for key in _partition(table, pk) if key[1] != META)


def trace_partitions(pk: str) -> tuple[str, str]:
    """The partitions of a trace: its spans', then its own, which has META."""
    return f"SPANS#{pk.partition('#')[2]}", pk


def below_trace(table: Table, pk: str) -> Iterator[Branch]:
    """The spans of a trace, its tags, metadata and assessments, but not META. Its links stay."""
    for partition in trace_partitions(pk):
        for key in _partition(table, partition):
            if key[1] != META or key[0] != pk:
                yield key, False


def below_experiment(table: Table, pk: str) -> Iterator[Branch]:
    """The datasets and the tags of an experiment, not its runs, models and traces."""
    for key in _partition(table, pk):
        if key[1].startswith(_DATASET):
            yield from _leaves(table, dataset_pk(key[1].split("#")[1]))
        if key[1] != META:
            yield key, False


def side_by_side(
    table: Table, metas: Iterator[Item], below: Callable[[Table, str], Iterator[Branch]], room: int
) -> Iterator[tuple[Item, list[Branch]]]:
    """Each of the entities with what is below it, read several at once where requests cross a
    network; of each one key more, at most, than there is room for."""

    def read(meta: Item) -> tuple[Item, list[Branch]]:
        return meta, list(islice(below(table, meta["PK"]), room + 1))

    while chunk := list(islice(metas, _READ_AT_ONCE if table.remote else 1)):
        yield from table.at_once([partial(read, meta) for meta in chunk])


def runs_of(table: Table, experiment_id: str, shards: int) -> Iterator[Item]:
    """The META items of an experiment's runs, in any stage."""
    for shard in range(shards):
        yield from _existing(table, runs_listing(experiment_id, shard))


def models_of(table: Table, experiment_id: str) -> Iterator[Item]:
    """The META items of an experiment's logged models, in any stage."""
    return _existing(table, models_listing(experiment_id))


def traces_of(table: Table, experiment_id: str, shards: int) -> Iterator[Item]:
    """The META items of an experiment's traces."""
    for shard in range(shards):
        yield from _existing(table, traces_listing(experiment_id, shard))


def _existing(table: Table, listing: str) -> Iterator[Item]:
    # The index may still list what has gone.
    start = None
    while True:
        page = table.query(
            listing, index=GSI1, limit=_LISTED_AT_ONCE, start=start, attributes=_KEYS
        )
        found = table.batch_get([(item["PK"], META) for item in page.items])
        yield from found.values()
        start = page.next
        if start is None:
            return


def _leaves(
    table: Table, pk: str, sk: SortRange = EVERY, condition: Condition | None = None
) -> Iterator[Branch]:
    return ((key, True) for key in _partition(table, pk, sk, condition))


def _partition(
    table: Table, pk: str, sk: SortRange = EVERY, condition: Condition | None = None
) -> Iterator[Key]:
    for item in table.query_all(pk, sk=sk, filter=condition, attributes=_KEYS, page_size=_PAGE):
        yield item["PK"], item["SK"]


_BELOW: Final[Mapping[str, Callable[[Table, str], Iterator[Branch]]]] = {
    RUN: below_run,
    MODEL: below_model,
    TRACE: below_trace,
    EXPERIMENT: below_experiment,
    REGISTERED_MODEL: below_model,
}
