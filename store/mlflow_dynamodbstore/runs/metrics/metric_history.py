"""Reading the history of metrics: the items, and the points that they make together.

The ``METRIC#`` item is read first and the history items after it, because sealing goes the other
way: a chunk that leaves the item between the two reads is already in the history. A point may
so be met twice, and counts once. Points that are over (``history_expiry``) are left out, but for
the latest, which stays as long as its run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from dynamodbstore_events.keys import Key, history_pk, metric_sk, run_pk
from dynamodbstore_events.metric_values import decode_point
from dynamodbstore_table.port import Table, begins_with

from mlflow_dynamodbstore.runs.metrics.history_expiry import NEVER, is_over, today
from mlflow_dynamodbstore.runs.metrics.metric_points import (
    Point,
    in_time,
    unpack_all,
    unpack_chunk,
)
from mlflow_dynamodbstore.runs.metrics.metric_writes import (
    history_prefix,
    latest_point,
    unpacked_ends,
)

Steps: TypeAlias = tuple[int, int]

_RUNS_AT_ONCE = 25


def metric_item_key(run_id: str | None, key: str | None) -> Key:
    """The key of a ``METRIC#`` item; for None, as nothing is logged under it, one of no item."""
    return run_pk(run_id or ""), metric_sk(key or "")


def item_points(item: Mapping[str, Any], day: int) -> list[Point]:
    """The points of a ``METRIC#`` item that are shown on a day: of its open chunk, and the latest.

    A day, here and elsewhere, counts since 1970.
    """
    points = [point for point, end in unpack_all(item.get("p", ())) if not is_over(end, day)]
    return [*points, latest_point(item)]


def points_of(items: Iterable[Mapping[str, Any]], day: int) -> list[Point]:
    """The points of history items that are shown on a day."""
    return [point for item in items for point in chunk_points(item, day)]


def chunk_points(item: Mapping[str, Any], day: int) -> list[Point]:
    """The points of a history item that are shown on a day, in the order that they are kept."""
    ends = item.get("e", NEVER)
    if isinstance(ends, int):
        return [] if is_over(ends, day) else unpack_chunk(item["points"])
    pairs = zip(unpack_chunk(item["points"]), unpacked_ends(ends), strict=True)
    return [point for point, end in pairs if not is_over(end, day)]


def merged(
    item: Mapping[str, Any],
    history: Iterable[Mapping[str, Any]],
    day: int,
    steps: Steps | None = None,
) -> list[Point]:
    """Each point of a metric that is shown on a day, once, ordered by step, time, value, and NaN
    behind 0.

    ``item`` is its ``METRIC#`` item and ``history`` its history items. ``steps``, the first and the
    last step that are wanted, leaves out the others.
    """
    if steps is None:
        return distinct([*points_of(history, day), *item_points(item, day)])
    first, last = steps
    near = (h for h in history if "s_lo" not in h or (h["s_lo"] <= last and h["s_hi"] >= first))
    points = [*points_of(near, day), *item_points(item, day)]
    return distinct([point for point in points if first <= point.step <= last])


def distinct(points: list[Point]) -> list[Point]:
    """Each of the points once, in order; fast where they come in order already."""
    points.sort()
    return [point for point, _ in groupby(points)]


def sample(points: Sequence[Point], most: int) -> list[Point]:
    """At most ``most`` (at least 1) of the ordered points, evenly: the first of each of ``most``
    buckets, as SQL's NTILE makes them (the larger buckets first), with the last point in any case,
    in place of the last of the sample where that is full."""
    count = len(points)
    if count <= most:
        return list(points)
    size, larger = divmod(count, most)
    starts = [bucket * size + min(bucket, larger) for bucket in range(most)]
    starts[-1] = count - 1
    return [points[start] for start in starts]


class MetricHistory:
    """Reads histories of metrics, strongly consistent; a run without the metric has no points."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of_run(self, run_id: str, key: str, steps: Steps | None = None) -> list[Point]:
        """Every point of one metric (of those steps), as ``merged`` orders them."""
        item = self._table.get(metric_item_key(run_id, key))
        if item is None:
            return []
        pk = history_pk(run_id)
        history = self._table.partitions([pk], sk=begins_with(history_prefix(key)))[pk]
        return merged(item, history, today(self._table), steps)

    def of_runs(
        self, run_ids: Iterable[str], key: str, steps: Steps | None = None
    ) -> dict[str, list[Point]]:
        """As ``of_run`` for many runs, in parallel."""
        wanted = list(dict.fromkeys(run_ids))
        if len(wanted) == 1:
            return {wanted[0]: self.of_run(wanted[0], key, steps)}
        items = self._table.batch_get([metric_item_key(r, key) for r in wanted])
        having = [r for r in wanted if metric_item_key(r, key) in items]
        found: dict[str, list[Point]] = {run_id: [] for run_id in wanted}
        if not having:
            return found
        prefix = begins_with(history_prefix(key))
        day = today(self._table)
        history = self._table.partitions([history_pk(r) for r in having], sk=prefix)
        for run_id in having:
            item = items[metric_item_key(run_id, key)]
            found[run_id] = merged(item, history[history_pk(run_id)], day, steps)
        return found

    def first_of_runs(
        self, run_ids: Iterable[str], key: str, most: int | None
    ) -> list[tuple[str, Point]]:
        """The first ``most`` points (None: all) by run id, then time, step, value."""
        ordered = sorted(set(run_ids))
        found: list[tuple[str, Point]] = []
        for start in range(0, len(ordered), _RUNS_AT_ONCE):
            histories = self.of_runs(ordered[start : start + _RUNS_AT_ONCE], key)
            for run_id, points in histories.items():
                found += [(run_id, point) for point in sorted(points, key=in_time)]
            if most is not None and len(found) >= most:
                return found[:most]
        return found

    def max_step(self, run_id: str, key: str) -> int | None:
        """The largest step of a metric; None without it."""
        item = self._table.get(metric_item_key(run_id, key), attributes=("last",))
        return None if item is None else decode_point(item["last"])[0]
