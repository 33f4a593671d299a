"""Sessions of traces, and how the traces of two filters go together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from dynamodbstore_events.keys import GSI2, parse_newest_first, session_lookup
from dynamodbstore_table.port import Table
from mlflow.store.analytics.trace_correlation import calculate_npmi_from_counts
from mlflow.tracing.analysis import TraceFilterCorrelationResult
from mlflow.utils.validation import _parse_experiment_id, _parse_experiment_ids

from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Field, clause
from mlflow_dynamodbstore.traces.head import Head
from mlflow_dynamodbstore.traces.matching import Matching, between

if TYPE_CHECKING:
    from mlflow.genai.scorers.online.entities import CompletedSession

_ID: Final = Field(ATTRIBUTE, "request_id")


class TraceAnalysis:
    """``find_completed_sessions`` and ``calculate_trace_filter_correlation``."""

    def __init__(self, table: Table, matching: Matching) -> None:
        self._table = table
        self._matching = matching

    def find_completed_sessions(
        self,
        experiment_id: str,
        min_last_trace_timestamp_ms: int,
        max_last_trace_timestamp_ms: int,
        max_results: int | None = None,
        filter_string: str | None = None,
    ) -> list[CompletedSession]:
        """The sessions whose last trace is in the range (ms, both ends included), those first that
        ended first.

        ``filter_string`` is for the first trace of a session. Raises ``INVALID_PARAMETER_VALUE``
        for a filter that is wrong.
        """
        # Here, not above: MLflow's GenAI package takes seconds to import.
        from mlflow.genai.scorers.online.entities import CompletedSession

        wanted = str(_parse_experiment_id(experiment_id))
        last: dict[str, int] = {}
        for row in self._matching.rows(
            [wanted], clauses=between(min_last_trace_timestamp_ms, None)
        ):
            if (session := row.get("session")) is not None:
                last[session] = max(last.get(session, row["time"]), row["time"])
        ended = {s: time for s, time in last.items() if time <= max_last_trace_timestamp_ms}
        firsts = {session: self._first_traces(wanted, session) for session in ended}
        passing = set(firsts)
        if filter_string:
            passing = self._passing(wanted, filter_string, firsts)
        found = [
            CompletedSession(session, firsts[session][0], ended[session])
            for session in sorted(passing, key=lambda session: (ended[session], session))
            if firsts[session][1]
        ]
        return found if max_results is None or max_results < 0 else found[:max_results]

    def _first_traces(self, experiment_id: str, session: str) -> tuple[int, list[str]]:
        """When a session began (ms), and the traces of that moment."""
        began = 0
        ids: list[str] = []
        for item in self._table.query_all(
            session_lookup(experiment_id, session), index=GSI2, reverse=True, consistent=False
        ):
            time, trace_id = parse_newest_first(item["gsi2sk"])
            if ids and time != began:
                break
            began = time
            ids.append(trace_id)
        return began, ids

    def _passing(
        self,
        experiment_id: str,
        filter_string: str,
        firsts: dict[str, tuple[int, list[str]]],
    ) -> set[str]:
        ids = [trace_id for _, first in firsts.values() for trace_id in first]
        rows = self._matching.rows(
            [experiment_id], filter_string, clauses=[clause(_ID, "IN", tuple(ids))]
        )
        matching = {Head.from_item(row).trace_id for row in rows}
        return {s for s, (_, first) in firsts.items() if not matching.isdisjoint(first)}

    def calculate_trace_filter_correlation(
        self,
        experiment_ids: list[str],
        filter_string1: str,
        filter_string2: str,
        base_filter: str | None = None,
    ) -> TraceFilterCorrelationResult:
        """How much more often than by chance traces pass both filters (normalized pointwise mutual
        information), among those that pass ``base_filter``.

        Raises ``INVALID_PARAMETER_VALUE`` for a filter that is wrong.
        """
        wanted = [str(one) for one in _parse_experiment_ids(experiment_ids)]
        base = f"{base_filter} and " if base_filter else ""
        first = self._ids(wanted, base + filter_string1)
        second = self._ids(wanted, base + filter_string2)
        universe = self._ids(wanted, base_filter)
        joint, one, two = len(first & second), len(first), len(second)
        result = calculate_npmi_from_counts(joint, one, two, len(universe))
        return TraceFilterCorrelationResult(
            npmi=result.npmi,
            npmi_smoothed=result.npmi_smoothed,
            filter1_count=one,
            filter2_count=two,
            joint_count=joint,
            total_count=len(universe),
        )

    def _ids(self, experiment_ids: Iterable[str], filter_string: str | None) -> set[str]:
        rows = self._matching.rows(list(experiment_ids), filter_string)
        return {Head.from_item(row).trace_id for row in rows}
