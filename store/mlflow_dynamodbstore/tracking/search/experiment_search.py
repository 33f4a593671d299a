"""Searching experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dynamodbstore_events.keys import (
    META,
    Key,
    experiment_pk,
    experiments_listing,
    padded_id,
)
from dynamodbstore_table.conditions import Condition, equals
from dynamodbstore_table.port import SortRange, Table
from dynamodbstore_table.text_items import texts
from mlflow.entities import Experiment, LifecycleStage, ViewType
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT

from mlflow_dynamodbstore.tracking.base import TrackingBase
from mlflow_dynamodbstore.tracking.experiments import experiment_entity
from mlflow_dynamodbstore.tracking.lifecycle import ExperimentState
from mlflow_dynamodbstore.tracking.search import tokens
from mlflow_dynamodbstore.tracking.search.experiment_filter import (
    AttributeClause,
    ExperimentOrder,
    TagClause,
    attribute,
    experiment_clauses,
    experiment_orders,
    listing_order,
)
from mlflow_dynamodbstore.tracking.search.item_values import read_values
from mlflow_dynamodbstore.tracking.search.limits import check_max_results
from mlflow_dynamodbstore.tracking.search.listings import Listing, TimeOrder, TimeRange, entries
from mlflow_dynamodbstore.tracking.search.run_order import sort_by
from mlflow_dynamodbstore.tracking.search.tokens import PageStart

_META_AND_TAGS = SortRange(META, "TAG#\U0010ffff")
_READ_AT_ONCE = 1000
_ATTRIBUTES = (
    *("PK", "gsi1sk", "name", "workspace", "artifact_location", "stage", "epoch"),
    *("created", "updated", "deleted", "run_shards"),
)


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """A search of experiments of one workspace, parsed and checked."""

    workspace: str
    attributes: tuple[AttributeClause, ...]
    tags: tuple[TagClause, ...]
    stages: tuple[str, ...]
    limit: int
    orders: tuple[ExperimentOrder, ...]
    start: PageStart

    def holds(self, experiment: ExperimentState) -> bool:
        """Whether the experiment is in the view and matches all clauses but those on tags."""
        return (
            experiment.stage in self.stages
            and experiment.workspace == self.workspace
            and all(clause.holds(experiment) for clause in self.attributes)
        )

    @property
    def named(self) -> tuple[str, ...] | None:
        """The only ids that the filter can match, where it says so."""
        named: set[int] | None = None
        for clause in self.attributes:
            if clause.name == "experiment_id" and clause.comparator in ("=", "IN"):
                ids = clause.value if clause.comparator == "IN" else (clause.value,)
                named = set(ids) if named is None else named.intersection(ids)
        return None if named is None else tuple(str(number) for number in sorted(named))


class SearchExperimentsMixin(TrackingBase):
    """``search_experiments``."""

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
        check_max_results(max_results)
        workspace = self._workspace()
        clauses = experiment_clauses(filter_string)
        orders = experiment_orders(order_by)
        fingerprint = tokens.fingerprint(
            "experiments", workspace, filter_string or "", view_type, list(order_by or [])
        )
        query = ExperimentQuery(
            workspace=workspace,
            attributes=tuple(c for c in clauses if isinstance(c, AttributeClause)),
            tags=tuple(c for c in clauses if isinstance(c, TagClause)),
            stages=tuple(LifecycleStage.view_type_to_stages(view_type)),
            limit=max_results,
            orders=orders,
            start=tokens.decode(fingerprint, page_token),
        )
        found, following = search_experiments(self._table, query)
        return PagedList(found, following and tokens.encode(fingerprint, following))


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
    last = batch[-1]
    cursor = (last.created, padded_id(last.experiment_id)) if cursored else None
    return found, PageStart(query.start.offset + len(found), cursor)


def _read(table: Table, query: ExperimentQuery, batch: list[ExperimentState]) -> list[Experiment]:
    """The experiments as they are now with their tags, without those that no longer match."""
    pks = [experiment_pk(experiment.experiment_id) for experiment in batch]
    found: list[Experiment] = []
    for items in table.partitions(pks, sk=_META_AND_TAGS).values():
        if items and items[0]["SK"] == META:
            state = ExperimentState.from_item(items[0])
            if query.holds(state):
                found.append(experiment_entity(state, texts(items[1:])))
    return found


def _in_order(table: Table, query: ExperimentQuery) -> tuple[Iterator[ExperimentState], bool]:
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


def _value_of(name: str) -> Callable[[ExperimentState], Any]:
    return lambda experiment: attribute(experiment, name)


def _candidates(
    table: Table, query: ExperimentQuery, page_size: int = _READ_AT_ONCE
) -> Iterator[ExperimentState]:
    if query.named is not None:
        found = table.batch_get([(experiment_pk(e), META) for e in query.named])
        states = (ExperimentState.from_item(item) for item in found.values())
        return (state for state in states if query.holds(state))
    order = listing_order(query.orders)
    listed = entries(
        table,
        [Listing(experiments_listing(query.workspace), _stage_filter(query.stages))],
        TimeOrder() if order is None else order,
        TimeRange(),
        None if order is None else query.start.cursor,
        page_size=page_size,
        attributes=_ATTRIBUTES,
    )
    states = (ExperimentState.from_item(item) for item in listed)
    return (state for state in states if query.holds(state))


def _stage_filter(stages: tuple[str, ...]) -> Condition | None:
    return equals("stage", stages[0]) if len(stages) == 1 else None


def _with_tags(
    table: Table, query: ExperimentQuery, candidates: Iterator[ExperimentState], chunk: int
) -> Iterator[ExperimentState]:
    """The candidates that match the clauses on tags, for which each chunk reads one batch."""
    if not query.tags:
        yield from candidates
        return
    sks = dict.fromkeys(clause.sk for clause in query.tags)
    while batch := list(islice(candidates, chunk)):
        values = read_values(
            table, [(experiment_pk(e.experiment_id), sk) for e in batch for sk in sks]
        )
        for experiment in batch:
            pk = experiment_pk(experiment.experiment_id)
            own = {sk: values[pk, sk] for sk in sks if (pk, sk) in values}
            if all(clause.holds(own) for clause in query.tags):
                yield experiment


def _keys(batch: Iterable[ExperimentState], sks: Iterable[str]) -> list[Key]:
    return [(experiment_pk(e.experiment_id), sk) for e in batch for sk in sks]
