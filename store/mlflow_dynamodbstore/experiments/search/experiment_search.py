"""Searching experiments: what is asked, and carrying it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dynamodbstore_events.keys import META, experiment_pk, padded_id
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.fts.reader import posted_keys
from dynamodbstore_projections.tags.projection import TAGGED
from dynamodbstore_table.port import Item, SortRange, Table
from dynamodbstore_table.text_items import texts
from mlflow.entities import Experiment, ViewType
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.experiments.experiments import experiment_entity
from mlflow_dynamodbstore.experiments.search.experiment_filter import attribute, listing_order
from mlflow_dynamodbstore.experiments.search.experiment_plan import (
    ExperimentQuery,
    parse_experiment_query,
    plan_experiments,
)
from mlflow_dynamodbstore.runs.search.run_order import sort_by
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.item_values import values_of
from mlflow_dynamodbstore.search.listings import (
    TimeOrder,
    TimeRange,
    entries,
    in_order,
)
from mlflow_dynamodbstore.search.tokens import PageStart

_META_AND_TAGS = SortRange(META, "TAG#\U0010ffff")
_READ_AT_ONCE = 1000
_ATTRIBUTES = (
    *("PK", "gsi1sk", "name", "workspace", "artifact_location", "stage", "epoch"),
    *("created", "updated", "deleted", "run_shards"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An experiment that may match, with its META item, which may tell tags."""

    state: ExperimentState
    meta: Mapping[str, Any]


class SearchExperiments:
    """``search_experiments``."""

    def __init__(self, table: Table, scope: Scope, config: ConfigSource) -> None:
        self._table = table
        self._scope = scope
        self._config = config

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_MAX_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | bytes | None = None,
    ) -> PagedList[Experiment]:
        """A page of the experiments that match, with the token of the next page if there is one.

        Raises ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        asked = parse_experiment_query(
            self._scope.workspace, view_type, max_results, filter_string, order_by, page_token
        )
        query = plan_experiments(asked, self._config.current())
        found, following = search_experiments(self._table, query)
        return PagedList(found, following and tokens.encode(query.fingerprint, following))


def search_experiments(
    table: Table, query: ExperimentQuery
) -> tuple[list[Experiment], PageStart | None]:
    """The experiments of the query's page, and where the next page starts (None: nowhere)."""
    matches, cursored = _in_order(table, query)
    found: list[Experiment] = []
    while len(found) < query.limit:
        batch = list(islice(matches, min(query.limit - len(found), _READ_AT_ONCE)))
        if not batch:
            return found, None
        found += _read(table, query, batch)
    if next(matches, None) is None:
        return found, None
    last = batch[-1].state
    cursor = (last.created, padded_id(last.experiment_id)) if cursored else None
    return found, PageStart(query.start.offset + len(found), cursor)


def _read(table: Table, query: ExperimentQuery, batch: list[Candidate]) -> list[Experiment]:
    """The experiments as they are now with their tags, without those that no longer match."""
    pks = [candidate.meta["PK"] for candidate in batch]
    found: list[Experiment] = []
    for items in table.partitions(pks, sk=_META_AND_TAGS).values():
        if items and items[0]["SK"] == META:
            state = ExperimentState.from_item(items[0])
            if query.holds(state):
                found.append(experiment_entity(state, texts(items[1:])))
    return found


def _in_order(table: Table, query: ExperimentQuery) -> tuple[Iterator[Candidate], bool]:
    """The matches from the page's start on, and whether a cursor can lead to the next page."""
    order = listing_order(query.orders)
    if order is None or query.named is not None:
        candidates = list(_with_tags(table, query, _candidates(table, query), _READ_AT_ONCE))
        for name, ascending in reversed(query.orders):
            candidates = sort_by(candidates, _value_of(name), ascending=ascending)
        return islice(candidates, query.start.offset, None), False
    skipped = 0 if query.start.cursor is not None else query.start.offset
    chunk = min(_READ_AT_ONCE, query.limit + 1 + skipped)
    listed = _candidates(table, query, chunk)
    return islice(_with_tags(table, query, listed, chunk), skipped, None), True


def _value_of(name: str) -> Callable[[Candidate], Any]:
    return lambda candidate: attribute(candidate.state, name)


def _candidates(
    table: Table, query: ExperimentQuery, page_size: int = _READ_AT_ONCE
) -> Iterator[Candidate]:
    candidates = (
        Candidate(ExperimentState.from_item(m), m) for m in _metas(table, query, page_size)
    )
    return (candidate for candidate in candidates if query.holds(candidate.state))


def _metas(table: Table, query: ExperimentQuery, page_size: int) -> Iterator[Item]:
    if query.named is not None:
        return iter(table.batch_get([(experiment_pk(e), META) for e in query.named]).values())
    listed = listing_order(query.orders)
    order = TimeOrder() if listed is None else listed
    cursor = None if listed is None else query.start.cursor
    if query.posted is not None:
        keys = posted_keys(table, query.posted)
        if keys is not None:
            found = table.batch_get(keys, consistent=False).values()
            return iter(in_order(found, order, TimeRange(), cursor))
    return entries(
        table,
        [query.listing],
        order,
        TimeRange(),
        cursor,
        page_size=page_size,
        attributes=(*_ATTRIBUTES, TAGGED, *query.on_meta.values()),
    )


def _with_tags(
    table: Table, query: ExperimentQuery, candidates: Iterator[Candidate], chunk: int
) -> Iterator[Candidate]:
    """The candidates that match the clauses on tags: what their META items do not tell, each chunk
    reads in one batch."""
    if not query.tags:
        yield from candidates
        return
    sks = dict.fromkeys(clause.sk for clause in query.tags)
    while batch := list(islice(candidates, chunk)):
        values = values_of(table, [(c.meta, sk) for c in batch for sk in sks], query.on_meta)
        for candidate in batch:
            pk = candidate.meta["PK"]
            own = {sk: values[pk, sk] for sk in sks if (pk, sk) in values}
            if all(clause.holds(own) for clause in query.tags):
                yield candidate
