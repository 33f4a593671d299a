"""How a search of runs will be answered, as a value: no table is asked to make a plan.

A plan names where candidates come from, what the table filters, which clauses are decided from
what a candidate's META item tells and which from its other items, and in which order and how many
runs come back. It uses a projection only where the configuration says that it is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dynamodbstore_events.entities import RUN
from dynamodbstore_events.keys import runs_listing
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.projection import SOURCES
from dynamodbstore_projections.fts.reader import (
    MOST_CANDIDATES,
    NARROWING,
    Posted,
    posted,
)
from dynamodbstore_projections.tags.projection import TAGGED
from dynamodbstore_projections.tags.reader import denormalized_tag
from dynamodbstore_table.conditions import Condition, both
from mlflow.entities import LifecycleStage
from mlflow.utils.validation import _parse_experiment_ids

from mlflow_dynamodbstore.core.lifecycle import ExperimentState, in_view
from mlflow_dynamodbstore.runs.search.joins import having, joinable
from mlflow_dynamodbstore.runs.search.run_filter import (
    AttributeClause,
    DatasetClause,
    ItemClause,
    RunClause,
    run_clauses,
)
from mlflow_dynamodbstore.runs.search.run_order import (
    AttributeOrder,
    RunOrder,
    listing_order,
    run_orders,
)
from mlflow_dynamodbstore.runs.summaries import INFO_ATTRIBUTES
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.listings import Listing, TimeOrder, TimeRange
from mlflow_dynamodbstore.search.pushdown import condition_of, tag_condition, time_range
from mlflow_dynamodbstore.search.tokens import PageStart

# An expression of DynamoDB has at most 300 operators and 4 KB.
_MOST_PUSHED = 20
NOTHING_BUILT: Final = Config()
SUMMARIES_BUILT: Final = "summary"
_LISTED = ("PK", "gsi1sk", "experiment_id", "stage", "epoch")


@dataclass(frozen=True, slots=True)
class RunQuery:
    """A search of runs as MLflow asks for it, parsed and checked."""

    experiment_ids: tuple[str, ...]
    clauses: tuple[RunClause, ...]
    view_type: int
    limit: int | None
    orders: tuple[RunOrder, ...]
    start: PageStart
    fingerprint: str


def parse_run_query(
    experiment_ids: Sequence[str | int],
    filter_string: str | None,
    view_type: int,
    limit: int | None,
    order_by: Sequence[str] | None,
    page_token: str | bytes | None,
) -> RunQuery:
    """Read a request; raises ``INVALID_PARAMETER_VALUE`` for whatever in it can't be read."""
    clauses = run_clauses(filter_string)
    orders = run_orders(order_by)
    ids = dict.fromkeys(str(number) for number in _parse_experiment_ids(list(experiment_ids)))
    query = tokens.fingerprint(
        "runs", sorted(ids), filter_string or "", view_type, list(order_by or [])
    )
    start = tokens.decode(query, page_token)
    return RunQuery(tuple(ids), clauses, view_type, limit, orders, start, query)


@dataclass(frozen=True, slots=True)
class Listed:
    """Candidates are the entries of the experiments' listings, in an order of time."""

    listings: tuple[Listing, ...]
    times: TimeRange
    order: TimeOrder


@dataclass(frozen=True, slots=True)
class Named:
    """Candidates are runs whose ids the filter names."""

    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Candidates are the runs that postings tell; where these are many, the listings' entries."""

    posted: Posted
    listed: Listed


Candidates: TypeAlias = Listed | Named | Narrowed


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How one page of a search of runs is read."""

    candidates: Candidates
    views: Mapping[str, Condition | None]
    """By experiment: which of its META items are in the view (None: all). Others' are in none."""
    pushed: tuple[AttributeClause, ...]
    """Decided by the table while it lists; checked again on what is read of a run."""
    decided: tuple[AttributeClause, ...]
    """Decided here, from META items."""
    items: tuple[ItemClause, ...]
    """Decided here, from tags, params and metrics."""
    on_meta: Mapping[str, str]
    """By the sort keys of tags: the attributes that tell them on META (or that META doesn't)."""
    pushed_tags: tuple[ItemClause, ...]
    """Those of ``items`` by which the table filters too, letting through what may match."""
    joined: tuple[ItemClause, ...]
    """Those of ``items`` by which a joining table lists, letting through what may match."""
    datasets: tuple[DatasetClause, ...]
    orders: tuple[RunOrder, ...]
    time_order: TimeOrder | None
    """The order of the answer where candidates come in it; None: collect, then sort."""
    limit: int | None
    start: PageStart
    summaries: bool
    """Whether runs that have ended are read from their summaries, with META as it is listed."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """What must be read of a candidate's META item."""
        asked = [clause.name for clause in (*self.pushed, *self.decided)]
        asked += [order.name for order in self.orders if hasattr(order, "name")]
        asked += (*self.on_meta.values(), TAGGED) if self.on_meta else ()
        asked += INFO_ATTRIBUTES if self.summaries else ()
        return tuple(dict.fromkeys((*_LISTED, *(name for name in asked if name != "run_id"))))

    @property
    def told(self) -> tuple[ItemClause, ...]:
        """The clauses on tags that META items tell."""
        return tuple(clause for clause in self.items if clause.sk in self.on_meta)

    @property
    def asked(self) -> tuple[ItemClause, ...]:
        """The clauses for which a candidate's items are read, unless the listing brought them."""
        return tuple(clause for clause in self.items if clause.sk not in self.on_meta)

    def lines(self) -> Iterator[str]:
        """The plan in words, a line a step."""
        yield from _candidate_lines(self.candidates)
        yield f"view: {len(self.views)} experiment(s)"
        if self.pushed or self.pushed_tags:
            yield f"table filters: {_listed((*self.pushed, *self.pushed_tags))}"
        if self.decided:
            yield f"from META items: {_listed(self.decided)}"
        if self.told:
            yield f"from META items that tell the tag, else from its item: {_listed(self.told)}"
        if self.joined:
            yield f"from items {_keys(self.joined)}, joined to the listing: {_listed(self.joined)}"
        if others := [clause for clause in self.asked if clause not in self.joined]:
            yield f"from items {_keys(others)}, read of each candidate: {_listed(others)}"
        if self.datasets:
            yield f"from each candidate's dataset inputs: {_listed(self.datasets)}"
        if self.time_order is not None:
            yield f"order: the listing's, {self.time_order}; reading stops when the page is full"
        else:
            yield (
                f"order: {_listed(self.orders)}; every candidate is collected, then sorted "
                "(ties: newest first, then id ascending)"
            )
        limit = "no limit" if self.limit is None else f"{self.limit} runs"
        after = f" after {self.start.offset}" if self.start.offset else ""
        where = " (from a cursor)" if self.start.cursor is not None else ""
        read = (
            "ended runs are then read from their summaries, others whole"
            if self.summaries
            else "each run is then read whole"
        )
        yield f"page: {limit}{after}{where}; {read}"


def plan_runs(
    query: RunQuery,
    experiments: Mapping[str, ExperimentState],
    config: Config = NOTHING_BUILT,
    *,
    joins: bool = False,
) -> RunPlan:
    """The plan of a query; ``experiments`` are those of its experiments that exist.

    ``config`` tells which projections are built: a plan uses no other. ``joins`` says that the
    table is a ``JoiningTable``.
    """
    stages = LifecycleStage.view_type_to_stages(query.view_type)
    searched = [experiments[e] for e in query.experiment_ids if stages and e in experiments]
    views = {e.experiment_id: in_view(query.view_type, e) for e in searched}
    attributes = [c for c in query.clauses if isinstance(c, AttributeClause)]
    items = tuple(c for c in query.clauses if isinstance(c, ItemClause))
    on_meta = _on_meta(config, searched, (*items, *query.orders))
    times, rest = time_range(attributes)
    order = listing_order(query.orders)
    conditions: list[Condition] = []
    pushed: list[AttributeClause] = []
    decided: list[AttributeClause] = []
    pushed_tags: list[ItemClause] = []
    joined: tuple[ItemClause, ...] = ()
    candidates: Candidates
    named = _named(rest)
    if named is not None:
        candidates, decided = Named(named), attributes
    else:
        for clause in rest:
            condition = condition_of(clause) if len(pushed) < _MOST_PUSHED else None
            if condition is None:
                decided.append(clause)
            else:
                conditions.append(condition)
                pushed.append(clause)
        for told in items:
            if told.sk in on_meta and len(conditions) < _MOST_PUSHED:
                condition = tag_condition(on_meta[told.sk], told.comparator, told.value)
                if condition is not None:
                    conditions.append(condition)
                    pushed_tags.append(told)
        if joins:
            joined = joinable(clause for clause in items if clause.sk not in on_meta)
        beside = having(joined)
        listings = tuple(
            Listing(
                runs_listing(e.experiment_id, shard),
                _all(views[e.experiment_id], conditions),
                beside,
            )
            for e in searched
            for shard in range(e.run_shards)
        )
        listed = Listed(listings, times, order or TimeOrder())
        few = posted(config, RUN, list(views), _patterns(items))
        candidates = listed if few is None or times.is_empty else Narrowed(few, listed)
    return RunPlan(
        candidates=candidates,
        views=views,
        pushed=tuple(pushed),
        decided=tuple(decided),
        items=items,
        on_meta=on_meta,
        pushed_tags=tuple(pushed_tags),
        joined=joined,
        datasets=tuple(c for c in query.clauses if isinstance(c, DatasetClause)),
        orders=query.orders,
        time_order=None if isinstance(candidates, Named) else order,
        limit=query.limit,
        start=query.start,
        summaries=SUMMARIES_BUILT in config.built,
    )


def _on_meta(
    config: Config, searched: Sequence[ExperimentState], asked: Sequence[ItemClause | RunOrder]
) -> dict[str, str]:
    """The attributes of META for the tags among what is asked, by the tags' sort keys."""
    on_meta: dict[str, str] = {}
    for tag in asked:
        if isinstance(tag, AttributeOrder) or tag.kind != "TAG" or not searched:
            continue
        names = {denormalized_tag(config, e.experiment_id, tag.key) for e in searched}
        name = names.pop()
        if name is not None and not names:
            on_meta[tag.sk] = name
    return on_meta


def _patterns(items: Sequence[ItemClause]) -> Iterator[tuple[str, str]]:
    """The fields with postings among what is asked, and what they are to match."""
    fields = {tag: field for field, tag in SOURCES[RUN].tags.items()}
    for clause in items:
        if clause.kind == "TAG" and clause.key in fields and clause.comparator in NARROWING:
            yield fields[clause.key], clause.value


def _named(clauses: Sequence[AttributeClause]) -> tuple[str, ...] | None:
    """The only run ids that the filter can match, where it says so."""
    named: dict[str, None] | None = None
    for clause in clauses:
        if clause.name != "run_id" or clause.comparator not in ("=", "IN"):
            continue
        ids = clause.value if clause.comparator == "IN" else (clause.value,)
        named = dict.fromkeys(i for i in ids if named is None or i in named)
    return None if named is None else tuple(named)


def _all(view: Condition | None, conditions: Sequence[Condition]) -> Condition | None:
    every = [*([] if view is None else [view]), *conditions]
    return both(*every) if every else None


def _candidate_lines(candidates: Candidates) -> Iterator[str]:
    if isinstance(candidates, Named):
        yield f"candidates: {len(candidates.run_ids)} run(s) by id"
        return
    if isinstance(candidates, Narrowed):
        yield f"candidates: runs by {candidates.posted}; if more than {MOST_CANDIDATES}, these:"
        candidates = candidates.listed
    times = candidates.times
    if times.is_empty:
        yield "candidates: none, the start times exclude each other"
        return
    yield f"candidates: {len(candidates.listings)} listing(s), read {candidates.order}"
    if times != TimeRange():
        yield f"start times: from {times.earliest} to {times.latest} ms"
    for listing in candidates.listings:
        filtered = "" if listing.filter is None else f" where {listing.filter}"
        yield f"  {listing.pk}{filtered}"


def _keys(clauses: Iterable[ItemClause]) -> str:
    return ", ".join(dict.fromkeys(clause.sk for clause in clauses))


def _listed(values: Sequence[Any]) -> str:
    return "; ".join(str(value) for value in values)
