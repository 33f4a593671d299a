"""The traces that pass clauses, without reading more of them than clauses are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.core.lookup import ExperimentLookup
from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Clause, Field, Row, clause
from mlflow_dynamodbstore.search.execute import matches
from mlflow_dynamodbstore.search.searchable import Context, Request
from mlflow_dynamodbstore.traces.search import TRACES

TIME = Field(ATTRIBUTE, "timestamp_ms")


class Matching:
    """Finds rows of traces: META items as they are listed."""

    def __init__(self, table: Table, experiments: ExperimentLookup) -> None:
        self._table = table
        self._experiments = experiments

    def rows(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        clauses: Sequence[Clause] = (),
    ) -> list[Row]:
        """The traces of these experiments that pass the filter and the clauses, newest first.

        Raises ``INVALID_PARAMETER_VALUE`` for a filter that is wrong.
        """
        request = Request(filter_string, TRACES.results, experiment_ids=experiment_ids)
        query = TRACES.parse(request)
        query = replace(query, clauses=(*query.clauses, *clauses))
        context = Context(experiments=self._experiments.known_many)
        plan = TRACES.plan(request, query, context)
        return [candidate.row for candidate in matches(self._table, plan)]


def between(start_ms: int | None, end_ms: int | None) -> list[Clause]:
    """Clauses on the time of traces: from and to (ms), both included; None leaves an end open."""
    bounds = ((">=", start_ms), ("<=", end_ms))
    return [clause(TIME, comparator, ms) for comparator, ms in bounds if ms is not None]
