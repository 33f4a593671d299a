"""Candidates of a search of runs, and which of them match: reads what the clauses need, no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dynamodbstore_events.keys import META, parse_newest_first, run_pk
from dynamodbstore_projections.fts.reader import posted_keys
from dynamodbstore_table.conditions import holds
from dynamodbstore_table.port import Item, Table, begins_with
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from mlflow_dynamodbstore.runs.search.plan import Named, Narrowed, RunPlan
from mlflow_dynamodbstore.runs.search.run_filter import (
    AttributeClause,
    DatasetClause,
    ItemClause,
)
from mlflow_dynamodbstore.search.item_values import values_of
from mlflow_dynamodbstore.search.listings import entries, in_order

_SMALLEST_CHUNK = 50
_SMALLEST_PAGE = 10
_LARGEST_CHUNK = 1000
_DATASETS = begins_with("INPUT#DATASET#")


@dataclass(slots=True)
class Candidate:
    """A run that may match: (some of) its META item, and values read so far by sort key."""

    meta: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def pk(self) -> str:
        pk: str = self.meta["PK"]
        return pk

    @property
    def cursor(self) -> tuple[int, str]:
        """Its place in the listing: (start time in ms, run id)."""
        return parse_newest_first(self.meta["gsi1sk"])


def attribute(meta: Mapping[str, Any], name: str) -> Any:
    """An attribute of a run from its META item; None for NULL."""
    return meta["PK"].partition("#")[2] if name == "run_id" else meta.get(name)


def meta_matches(plan: RunPlan, meta: Mapping[str, Any]) -> bool:
    """Whether a META item is in the plan's view and matches all of its attribute clauses."""
    if meta["experiment_id"] not in plan.views:
        return False
    view = plan.views[meta["experiment_id"]]
    return (
        (view is None or holds(view, meta))
        and _all_hold(plan.pushed, meta)
        and _all_hold(plan.decided, meta)
    )


def _all_hold(clauses: Sequence[AttributeClause], meta: Mapping[str, Any]) -> bool:
    return all(clause.test(attribute(meta, clause.name)) for clause in clauses)


def matching(table: Table, plan: RunPlan, wanted: int) -> Iterator[Candidate]:
    """The candidates that match every clause, in the order of the candidates.

    ``wanted`` is how many the caller will probably take: it sizes the first requests.
    """
    chunk = min(_LARGEST_CHUNK, max(1, wanted))
    sifts = bool(plan.items or plan.datasets)
    if sifts:
        chunk = max(chunk, _SMALLEST_CHUNK)
    metas = _metas(table, plan, chunk)
    seen = matched = 0
    while metas_read := list(islice(metas, chunk)):
        found = [Candidate(meta) for meta in metas_read]
        kept = _with_datasets(table, plan, _with_items(table, plan, found))
        yield from kept
        if sifts:
            seen, matched = seen + len(found), matched + len(kept)
            chunk = _next_chunk(chunk, wanted - matched, seen, matched)


def _next_chunk(chunk: int, missing: int, seen: int, matched: int) -> int:
    """How many candidates to read for ``missing`` matches, if they are as frequent as so far."""
    expected = missing * seen // matched if matched else _LARGEST_CHUNK
    return min(_LARGEST_CHUNK, 2 * chunk, max(_SMALLEST_CHUNK, expected))


def _metas(table: Table, plan: RunPlan, chunk: int) -> Iterator[Item]:
    source = plan.candidates
    if isinstance(source, Named):
        found = table.batch_get([(run_pk(i), META) for i in source.run_ids])
        alive = (item for item in found.values() if meta_matches(plan, item))
        return iter(sorted(alive, key=lambda item: item["gsi1sk"]))
    cursor = plan.start.cursor if plan.time_order is not None else None
    if isinstance(source, Narrowed):
        keys = posted_keys(table, source.posted)
        source = source.listed
        if keys is not None:
            # The listing would have been read eventually consistent too.
            found = table.batch_get(keys, consistent=False)
            alive = (item for item in found.values() if meta_matches(plan, item))
            return iter(in_order(alive, source.order, source.times, cursor))
    listed = entries(
        table,
        source.listings,
        source.order,
        source.times,
        cursor,
        page_size=_page_size(chunk, len(source.listings)),
        # Naming attributes spares a network what is not wanted, and costs a file time.
        attributes=plan.attributes if table.remote else None,
    )
    if not plan.decided:
        return listed
    return (meta for meta in listed if _all_hold(plan.decided, meta))


def _page_size(chunk: int, listings: int) -> int:
    """How many entries to read at once of each listing, so that together they fill a chunk."""
    return chunk if listings < 2 else min(chunk, max(_SMALLEST_PAGE, 2 * chunk // listings))


def fill_values(
    table: Table, plan: RunPlan, candidates: Sequence[Candidate], sks: Sequence[str]
) -> None:
    """Learn the values under these sort keys that the candidates don't have yet: from their META
    items, and the others in one batch."""
    wanted = [(c.meta, sk) for sk in dict.fromkeys(sks) for c in candidates if sk not in c.values]
    if not wanted:
        return
    values = values_of(table, wanted, plan.on_meta)
    for candidate in candidates:
        for sk in sks:
            if (candidate.pk, sk) in values:
                candidate.values[sk] = values[candidate.pk, sk]


def _with_items(table: Table, plan: RunPlan, found: list[Candidate]) -> list[Candidate]:
    # What META items tell comes first: it leaves fewer candidates to read items of.
    for clauses in (plan.told, plan.asked):
        found = _that_hold(table, plan, found, clauses)
    return found


def _that_hold(
    table: Table, plan: RunPlan, found: list[Candidate], clauses: Sequence[ItemClause]
) -> list[Candidate]:
    if not clauses:
        return found
    fill_values(table, plan, found, [clause.sk for clause in clauses])
    return [c for c in found if all(clause.holds(c.values) for clause in clauses)]


def _with_datasets(table: Table, plan: RunPlan, found: list[Candidate]) -> list[Candidate]:
    if not plan.datasets or not found:
        return found
    inputs = table.partitions(
        [c.pk for c in found], sk=_DATASETS, attributes=("SK", "name", "digest", "tags")
    )
    return [
        c
        for c in found
        if all(any(_input_matches(clause, i) for i in inputs[c.pk]) for clause in plan.datasets)
    ]


def _input_matches(clause: DatasetClause, dataset_input: Mapping[str, Any]) -> bool:
    if clause.name == "context":
        return any(
            key == MLFLOW_DATASET_CONTEXT and clause.test(value)
            for key, value in dataset_input["tags"]
        )
    return clause.test(dataset_input[clause.name])
