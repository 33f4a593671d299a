"""Carrying out the plan of a search: the one loop that reads candidates until a page is full."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from dynamodbstore_table.port import Table

from mlflow_dynamodbstore.core.gc_pause import collector_paused_listing
from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Field, Row
from mlflow_dynamodbstore.search.order import Cursor, Order, sort_by
from mlflow_dynamodbstore.search.plan import Bounds, E, Plan
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.tokens import PageStart
from mlflow_dynamodbstore.search.values import Candidate, Values

_LARGEST_CHUNK = 1000
# Many requests at once hide a network's latency; without one, few items at once are faster.
_READ_AT_ONCE = 1000
_READ_AT_ONCE_HERE = 128


def search(
    table: Table, searchable: Searchable[E], request: Request, context: Context
) -> tuple[list[E], str | None]:
    """A page of what is searched for, and the token of the next page (None on the last page).

    Raises as ``Searchable.parse``, before anything is read.
    """
    query = searchable.parse(request)
    found, following = execute(table, searchable.plan(request, query, context))
    return found, None if following is None else query.tokens.encode(following)


def execute(table: Table, plan: Plan[E]) -> tuple[list[E], PageStart | None]:
    """The entities of the plan's page, and where the next page starts (None on the last page)."""
    query = plan.query
    if query.limit is not None and query.limit < 1:
        return [], None
    at_once = _READ_AT_ONCE if table.remote else _READ_AT_ONCE_HERE
    shown = plan.row_test()
    assert shown is not None
    # Who skips results can't stop among them: a token would not know how many are left to skip.
    skips = query.start.offset > 0 and query.start.cursor is None
    progress = _Progress(None if skips or query.orders else plan.bounds)
    with collector_paused_listing(table):
        ordered = _in_order(table, plan, progress)
        found: list[E] = []
        last: Candidate | None = None
        while query.limit is None or len(found) < query.limit:
            missing = at_once if query.limit is None else query.limit - len(found)
            batch = list(islice(ordered, min(missing, at_once)))
            if not batch:
                return found, _after(plan, len(found), progress.stopped_at)
            last = batch[-1]
            # A listing may show what has just gone or changed: what is read of an entity decides,
            # and the next candidates fill the page.
            found += plan.read(table, batch, shown)
        if last is None or next(ordered, None) is None:
            return found, _after(plan, len(found), progress.stopped_at)
    return found, _after(plan, len(found), last.row)


def _after(plan: Plan[Any], found: int, row: Row | None) -> PageStart | None:
    """The start of a page behind a row; None where there is no more."""
    if row is None:
        return None
    cursor = None if plan.query.orders else plan.query.comes.place(row)
    return PageStart(plan.query.start.offset + found, cursor)


class _Progress:
    """How much a search has looked at, and the row at which it stopped before the end."""

    def __init__(self, bounds: Bounds | None) -> None:
        self._bounds = bounds
        self._end = time.monotonic() + (bounds.seconds if bounds else 0)
        self._seen = 0
        self.stopped_at: Row | None = None

    def room(self, chunk: int) -> int:
        """How many of a chunk of candidates may be looked at."""
        return chunk if self._bounds is None else min(chunk, self._bounds.candidates - self._seen)

    def stops(self, seen: Sequence[Candidate]) -> bool:
        """Whether the search stops behind these candidates."""
        self._seen += len(seen)
        if self._bounds is None:
            return False
        if self._seen < self._bounds.candidates and time.monotonic() < self._end:
            return False
        self.stopped_at = seen[-1].row
        return True


def matches(table: Table, plan: Plan[Any]) -> Iterator[Candidate]:
    """All candidates that match, with the values that clauses are on; no entity is read."""
    shown = plan.row_test()
    assert shown is not None
    found = _matching(table, plan, _Progress(None), None, _LARGEST_CHUNK)
    return (candidate for candidate in found if shown(candidate.row))


def _in_order(table: Table, plan: Plan[Any], progress: _Progress) -> Iterator[Candidate]:
    """The matches from the page's start on."""
    query = plan.query
    if query.orders:
        candidates = list(_matching(table, plan, progress, None, _LARGEST_CHUNK))
        return islice(_sorted(table, plan, candidates), query.start.offset, None)
    skipped = query.start.offset if query.start.cursor is None else 0
    wanted = _LARGEST_CHUNK if query.limit is None else skipped + query.limit + 1
    return islice(_matching(table, plan, progress, query.start.cursor, wanted), skipped, None)


def _matching(
    table: Table, plan: Plan[Any], progress: _Progress, cursor: Cursor | None, wanted: int
) -> Iterator[Candidate]:
    """The candidates behind the cursor that pass every clause, in the order in which they come.

    ``wanted`` is how many the caller will probably take: it sizes the first requests.
    """
    stages = plan.stages()
    chunk = min(_LARGEST_CHUNK, max(1, wanted))
    if stages:
        chunk = max(chunk, plan.of.smallest_chunk)
    rows = _rows(table, plan, cursor, chunk)
    seen = matched = 0
    while looked_at := [Candidate(row) for row in islice(rows, progress.room(chunk))]:
        found = looked_at
        seen += len(found)
        for values, clauses in stages:
            values.read(table, found, [clause.on for clause in clauses])
            found = [c for c in found if all(clause.holds(c.values) for clause in clauses)]
            if not found:
                break
        yield from found
        if progress.stops(looked_at):
            return
        if stages:
            matched += len(found)
            # As many as the missing ones will be among, if they are as frequent as so far.
            missing = (wanted - matched) * seen // matched if matched else _LARGEST_CHUNK
            chunk = min(_LARGEST_CHUNK, 2 * chunk, max(plan.of.smallest_chunk, missing))


def _rows(table: Table, plan: Plan[Any], cursor: Cursor | None, chunk: int) -> Iterator[Any]:
    """The rows of the first source that has not too many, without those that can't match."""
    for source in plan.sources:
        rows = source.rows(table, cursor, chunk)
        if rows is not None:
            test = plan.row_test(decided=source.decides)
            passing = iter(rows) if test is None else filter(test, rows)
            if source.in_order:
                return passing
            return iter(plan.query.comes.in_order(passing, cursor))
    raise AssertionError("the last source of a plan always answers")


def _sorted(table: Table, plan: Plan[Any], candidates: list[Candidate]) -> Iterable[Candidate]:
    fields: dict[int, tuple[Values, list[Field]]] = {}
    for order in plan.query.orders:
        if order.on.kind != ATTRIBUTE:
            values = plan.kinds[order.on.kind]
            fields.setdefault(id(values), (values, []))[1].append(order.on)
    for values, wanted in fields.values():
        values.read(table, candidates, wanted)
    for order in reversed(plan.query.orders):
        candidates = sort_by(
            candidates, _values(plan, order, candidates), ascending=order.ascending
        )
    return candidates


def _values(plan: Plan[Any], order: Order, candidates: Sequence[Candidate]) -> list[Any]:
    """What each candidate is sorted by; None: it has no value."""
    on, pick = order.on, order.pick
    if on.kind == ATTRIBUTE:
        value = plan.of.columns[on.key].value
        return [value(candidate.row) for candidate in candidates]
    found = [candidate.values.get(on) for candidate in candidates]
    return found if pick is None else [None if one is None else pick(one) for one in found]
