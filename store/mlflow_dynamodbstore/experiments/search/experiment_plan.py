"""How a search of experiments will be answered, as a value: no table is asked to make a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dynamodbstore_events.entities import EXPERIMENT
from dynamodbstore_events.keys import experiments_listing
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.projection import DESCRIPTION_FIELD, DESCRIPTION_TAG, NAME_FIELD
from dynamodbstore_projections.fts.reader import (
    MOST_CANDIDATES,
    NARROWING,
    Posted,
    posted,
)
from dynamodbstore_projections.tags.reader import denormalized_tag
from dynamodbstore_table.conditions import Condition, both, equals
from mlflow.entities import LifecycleStage

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.experiments.search.experiment_filter import (
    AttributeClause,
    ExperimentOrder,
    TagClause,
    experiment_clauses,
    experiment_orders,
    listing_order,
)
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.limits import check_max_results
from mlflow_dynamodbstore.search.listings import Listing
from mlflow_dynamodbstore.search.pushdown import tag_condition
from mlflow_dynamodbstore.search.tokens import PageStart

_MOST_PUSHED = 20


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """A search of experiments of one workspace, parsed and checked; with ``on_meta`` and ``posted``
    it is planned."""

    workspace: str
    attributes: tuple[AttributeClause, ...]
    tags: tuple[TagClause, ...]
    stages: tuple[str, ...]
    limit: int
    orders: tuple[ExperimentOrder, ...]
    start: PageStart
    fingerprint: str
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

    @property
    def listing(self) -> Listing:
        """What is listed where nothing tells few candidates, with what the table filters by."""
        conditions: list[Condition] = []
        if len(self.stages) == 1:
            conditions.append(equals("stage", self.stages[0]))
        for clause in self.tags[:_MOST_PUSHED]:
            name = self.on_meta.get(clause.sk)
            pushed = None if name is None else tag_condition(name, clause.comparator, clause.value)
            if pushed is not None:
                conditions.append(pushed)
        everything = both(*conditions) if conditions else None
        return Listing(experiments_listing(self.workspace), everything)

    def lines(self) -> Iterator[str]:
        """The plan in words, a line a step."""
        order = listing_order(self.orders)
        if self.named is not None:
            yield f"candidates: {len(self.named)} experiment(s) by id"
        else:
            if self.posted is not None:
                few = f"if more than {MOST_CANDIDATES}, these:"
                yield f"candidates: experiments by {self.posted}; {few}"
            listing = self.listing
            filtered = "" if listing.filter is None else f" where {listing.filter}"
            yield f"candidates: experiments, read {order or 'all'}"
            yield f"  {listing.pk}{filtered}"
        if self.attributes:
            yield f"from META items: {_listed(self.attributes)}"
        if told := [clause for clause in self.tags if clause.sk in self.on_meta]:
            yield f"from META items that tell the tag, else from its item: {_listed(told)}"
        if others := [clause for clause in self.tags if clause.sk not in self.on_meta]:
            yield f"from tags' items, read of each candidate: {_listed(others)}"
        if order is not None and self.named is None:
            yield f"order: the listing's, {order}; reading stops when the page is full"
        else:
            fields = [f"{name}{'' if ascending else ' DESC'}" for name, ascending in self.orders]
            yield f"order: {', '.join(fields)}; every candidate is collected, then sorted"
        after = f" after {self.start.offset}" if self.start.offset else ""
        where = " (from a cursor)" if self.start.cursor is not None else ""
        then = "each experiment is then read with its tags"
        yield f"page: {self.limit} experiments{after}{where}; {then}"


def parse_experiment_query(
    workspace: str,
    view_type: int,
    max_results: int,
    filter_string: str | None,
    order_by: Sequence[str] | None,
    page_token: str | bytes | None,
) -> ExperimentQuery:
    """Read a request; raises ``INVALID_PARAMETER_VALUE`` for whatever in it can't be read."""
    check_max_results(max_results)
    clauses = experiment_clauses(filter_string)
    orders = experiment_orders(order_by)
    fingerprint = tokens.fingerprint(
        "experiments", workspace, filter_string or "", view_type, list(order_by or [])
    )
    return ExperimentQuery(
        workspace=workspace,
        attributes=tuple(c for c in clauses if isinstance(c, AttributeClause)),
        tags=tuple(c for c in clauses if isinstance(c, TagClause)),
        stages=tuple(LifecycleStage.view_type_to_stages(view_type)),
        limit=max_results,
        orders=orders,
        start=tokens.decode(fingerprint, page_token),
        fingerprint=fingerprint,
    )


def plan_experiments(query: ExperimentQuery, config: Config) -> ExperimentQuery:
    """The query with the projections that it can use, of those that ``config`` says are built."""
    return replace(
        query,
        on_meta=_on_meta(config, query.tags),
        posted=posted(config, EXPERIMENT, [query.workspace], _patterns(query)),
    )


def _on_meta(config: Config, tags: Sequence[TagClause]) -> dict[str, str]:
    # A listing has experiments with patterns of their own; only the global ones hold for all.
    found = {tag.sk: denormalized_tag(config, "", tag.key) for tag in tags}
    return {sk: name for sk, name in found.items() if name is not None}


def _patterns(query: ExperimentQuery) -> Iterator[tuple[str, str]]:
    for clause in query.attributes:
        if clause.name == "name" and clause.comparator in NARROWING:
            yield NAME_FIELD, clause.value
    for tag in query.tags:
        if tag.key == DESCRIPTION_TAG and tag.comparator in NARROWING and tag.value is not None:
            yield DESCRIPTION_FIELD, tag.value


def _listed(values: Sequence[AttributeClause | TagClause]) -> str:
    return "; ".join(map(str, values))
