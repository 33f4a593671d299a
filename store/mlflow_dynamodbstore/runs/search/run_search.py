"""Searching runs: carries out the plan of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.summary.projection import ENDED
from dynamodbstore_table.joins import JoiningTable
from dynamodbstore_table.port import Table
from mlflow.entities import Run

from mlflow_dynamodbstore.core.gc_pause import collector_paused_listing
from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.runs.read_runs import read_runs
from mlflow_dynamodbstore.runs.search.candidates import (
    Candidate,
    attribute,
    fill_values,
    matching,
    meta_matches,
)
from mlflow_dynamodbstore.runs.search.plan import (
    RunPlan,
    RunQuery,
    parse_run_query,
    plan_runs,
)
from mlflow_dynamodbstore.runs.search.run_order import AttributeOrder, RunOrder, sort_by
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.limits import check_max_results
from mlflow_dynamodbstore.search.tokens import PageStart

_LISTED_AT_ONCE = 1000
_READ_AT_ONCE = 1000
_READ_AT_ONCE_HERE = 128


class SearchRuns:
    """``search_runs``."""

    serves = ("_search_runs",)

    def __init__(self, table: Table, lookup: Lookup, config: ConfigSource) -> None:
        self._table = table
        self._experiments = lookup.experiments
        self._config = config

    def _search_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: Sequence[str] | None,
        page_token: str | bytes | None,
    ) -> tuple[list[Run], str | None]:
        """A page of the runs that match, and the token of the next page (None: no more).

        Raises ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        check_max_results(max_results, none_is_all=True)
        query = parse_run_query(
            experiment_ids, filter_string, run_view_type, max_results, order_by, page_token
        )
        experiments = self._experiments_of(query)
        joins = isinstance(self._table, JoiningTable)
        plan = plan_runs(query, experiments, self._config.current(), joins=joins)
        runs, following = search_runs(self._table, plan, experiments)
        return runs, None if following is None else tokens.encode(query.fingerprint, following)

    def _experiments_of(self, query: RunQuery) -> dict[str, ExperimentState]:
        """Those of the query's experiments that exist and may be searched."""
        return self._experiments.find_many(list(query.experiment_ids))


def search_runs(
    table: Table, plan: RunPlan, experiments: Mapping[str, ExperimentState]
) -> tuple[list[Run], PageStart | None]:
    """The runs of the plan's page, and where the next page starts (None: there is none)."""
    matches, cursored = _in_order(table, plan)
    # Many requests at once hide a network's latency; without one, few items at once are faster.
    at_once = _READ_AT_ONCE if table.remote else _READ_AT_ONCE_HERE
    runs: list[Run] = []
    last: Candidate | None = None
    while plan.limit is None or len(runs) < plan.limit:
        missing = at_once if plan.limit is None else plan.limit - len(runs)
        batch = list(islice(matches, min(missing, at_once)))
        if not batch:
            return runs, None
        last = batch[-1]
        # A listing may show what has just gone or changed: what is read of the run decides, and
        # the next candidates fill the page.
        runs += read_runs(
            table,
            [c.pk for c in batch],
            experiments,
            lambda meta: meta_matches(plan, meta),
            {c.pk: c.meta for c in batch if c.meta["status"] in ENDED} if plan.summaries else None,
        )
    if last is None or next(matches, None) is None:
        return runs, None
    return runs, PageStart(plan.start.offset + len(runs), last.cursor if cursored else None)


def _in_order(table: Table, plan: RunPlan) -> tuple[Iterator[Candidate], bool]:
    """The matches from the page's start on, and whether a cursor can lead to the next page."""
    if plan.time_order is not None:
        skipped = 0 if plan.start.cursor is not None else plan.start.offset
        wanted = _LISTED_AT_ONCE if plan.limit is None else plan.limit + 1
        return islice(matching(table, plan, skipped + wanted), skipped, None), True
    with collector_paused_listing(table):
        candidates = list(matching(table, plan, _LISTED_AT_ONCE))
        in_order = _sorted(table, plan, candidates)
    return islice(in_order, plan.start.offset, None), False


def _sorted(table: Table, plan: RunPlan, candidates: list[Candidate]) -> Iterator[Candidate]:
    """The candidates in the order asked for; ties are newest first, then by run id."""
    sks = [order.sk for order in plan.orders if not isinstance(order, AttributeOrder)]
    fill_values(table, plan, candidates, sks)
    for order in reversed(plan.orders):
        candidates = sort_by(candidates, _value_of(order), ascending=order.ascending)
    return iter(candidates)


def _value_of(order: RunOrder) -> Any:
    if isinstance(order, AttributeOrder):
        name = order.name
        return lambda candidate: attribute(candidate.meta, name)
    sk = order.sk
    return lambda candidate: candidate.values.get(sk)
