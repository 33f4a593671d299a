"""Searching experiments: what is asked, and carrying it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dynamodbstore_events.entities import EXPERIMENT
from dynamodbstore_events.keys import (
    META,
    experiment_pk,
    experiments_listing,
    padded_id,
)
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts import DESCRIPTION_FIELD, DESCRIPTION_TAG, NAME_FIELD
from dynamodbstore_projections.tags import TAGGED, denormalized_tag
from dynamodbstore_table.conditions import Condition, both, equals
from dynamodbstore_table.port import Item, SortRange, Table
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
    ExperimentClause,
    ExperimentOrder,
    TagClause,
    attribute,
    experiment_clauses,
    experiment_orders,
    listing_order,
)
from mlflow_dynamodbstore.tracking.search.item_values import values_of
from mlflow_dynamodbstore.tracking.search.limits import check_max_results
from mlflow_dynamodbstore.tracking.search.listings import (
    Listing,
    TimeOrder,
    TimeRange,
    entries,
    in_order,
)
from mlflow_dynamodbstore.tracking.search.postings import (
    NARROWING,
    Posted,
    posted,
    posted_keys,
)
from mlflow_dynamodbstore.tracking.search.pushdown import tag_condition
from mlflow_dynamodbstore.tracking.search.run_order import sort_by
from mlflow_dynamodbstore.tracking.search.tokens import PageStart

_META_AND_TAGS = SortRange(META, "TAG#\U0010ffff")
_READ_AT_ONCE = 1000
_MOST_PUSHED = 20
_ATTRIBUTES = (
    *("PK", "gsi1sk", "name", "workspace", "artifact_location", "stage", "epoch"),
    *("created", "updated", "deleted", "run_shards"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An experiment that may match, with its META item, which may tell tags."""

    state: ExperimentState
    meta: Mapping[str, Any]


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
    on_meta: Mapping[str, str] = field(default_factory=dict)
    """By the sort keys of tags: the attributes that tell them on META (or that META doesn't)."""
    posted: Posted | None = None

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
        config = self._config.current()
        tags = tuple(c for c in clauses if isinstance(c, TagClause))
        query = ExperimentQuery(
            workspace=workspace,
            attributes=tuple(c for c in clauses if isinstance(c, AttributeClause)),
            tags=tags,
            stages=tuple(LifecycleStage.view_type_to_stages(view_type)),
            limit=max_results,
            orders=orders,
            start=tokens.decode(fingerprint, page_token),
            on_meta=_on_meta(config, tags),
            posted=posted(config, EXPERIMENT, [workspace], _patterns(clauses)),
        )
        found, following = search_experiments(self._table, query)
        return PagedList(found, following and tokens.encode(fingerprint, following))


def _on_meta(config: Config, tags: Sequence[TagClause]) -> dict[str, str]:
    # A listing has experiments with patterns of their own; only the global ones hold for all.
    found = {tag.sk: denormalized_tag(config, "", tag.key) for tag in tags}
    return {sk: name for sk, name in found.items() if name is not None}


def _patterns(clauses: Sequence[ExperimentClause]) -> Iterator[tuple[str, str]]:
    for clause in clauses:
        if clause.comparator in NARROWING:
            if isinstance(clause, AttributeClause):
                if clause.name == "name":
                    yield NAME_FIELD, clause.value
            elif clause.key == DESCRIPTION_TAG and clause.value is not None:
                yield DESCRIPTION_FIELD, clause.value


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
        [Listing(experiments_listing(query.workspace), _filter(query))],
        order,
        TimeRange(),
        cursor,
        page_size=page_size,
        attributes=(*_ATTRIBUTES, TAGGED, *query.on_meta.values()),
    )


def _filter(query: ExperimentQuery) -> Condition | None:
    conditions: list[Condition] = []
    if len(query.stages) == 1:
        conditions.append(equals("stage", query.stages[0]))
    for clause in query.tags[:_MOST_PUSHED]:
        name = query.on_meta.get(clause.sk)
        pushed = None if name is None else tag_condition(name, clause.comparator, clause.value)
        if pushed is not None:
            conditions.append(pushed)
    return both(*conditions) if conditions else None


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
