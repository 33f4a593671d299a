"""What to write for points of one metric of a run. Pure: from what is known of its item to ops.

The ``METRIC#`` item holds the latest point (``last``: step, time in ms and value as ordered bytes;
``nan``) and the open chunk: its number ``c`` (missing: 0) and its points ``p``, each as text. ``o``
is its place (``dynamodbstore_events.places``). A chunk with ``OPEN_CHUNK_POINTS`` is full and can't
grow: it is sealed, put under its number in the run's history, before the item is reset to the next
chunk. ``m`` is the latest time among sealed points; ``x`` marks that the chunks, in their order, do
not ascend in time.

A history item has its ``points``, how many (``n``), between which steps and times they are, and
their ends (``e``, see ``packed_ends``; none where all are kept for ever, or an older version wrote
the item); its ``ttl`` is the last of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import groupby, repeat
from typing import Any, Final

from dynamodbstore_events.keys import Key, history_pk, is_hashed, metric_sk, part, run_pk
from dynamodbstore_events.metric_values import decode_point, encode_point
from dynamodbstore_events.places import PLACE
from dynamodbstore_events.values import value
from dynamodbstore_projections.config import DAY_SECONDS
from dynamodbstore_table.conditions import Both, Condition, Missing, below, equals, shorter
from dynamodbstore_table.port import Advances, Item, Put, Update

from mlflow_dynamodbstore.runs.metrics.history_expiry import (
    KEPT_FOR_EVER,
    UNKNOWN,
    End,
    HistoryEnds,
)
from mlflow_dynamodbstore.runs.metrics.metric_points import (
    Point,
    later,
    ordered_text,
    pack,
    pack_chunk,
    point_text,
    unpack_all,
)

OPEN_CHUNK_POINTS: Final = 35
"""With a short key the item stays within 1,024 bytes, one write unit."""

BATCH_POINTS: Final = 8
"""From this many points of a key on, a batch becomes a history item of its own."""

_HAS_ROOM: Final = shorter("p", OPEN_CHUNK_POINTS)
_SURELY_PLAIN: Final = 75
"""Characters that no key part is hashed for: they take at most 900 bytes, escaped or not."""


@value
class MetricPoints:
    """Distinct points of one metric, in the order they were logged; never none. ``place`` is the
    metric's in its run unless it has one, ``ends`` gives how long the points are kept."""

    run_id: str
    key: str
    points: tuple[Point, ...]
    place: int
    ends: HistoryEnds = field(default=KEPT_FOR_EVER, compare=False)

    @property
    def item_key(self) -> Key:
        return run_pk(self.run_id), metric_sk(self.key)


@value
class MetricPlan:
    """What to write: ``history`` first, or in one transaction with ``latest``."""

    history: tuple[Put, ...]
    latest: Update | None


def first_plan(metric: MetricPoints) -> MetricPlan:
    """The plan that needs no look at the item: right if the points are later than its latest."""
    points = metric.points
    if len(points) == 1:
        return MetricPlan((), _append(metric, points, points[0]))
    if len(points) >= BATCH_POINTS:
        return MetricPlan((_batch(metric, points),), _new_latest(metric, _latest(points)))
    return MetricPlan((), _append(metric, sorted(points), _latest(points)))


def advancing(metrics: Sequence[MetricPoints]) -> Advances:
    """The first plans of metrics of one run for which ``is_advance`` is true, in one."""
    tops = [metric.points[0] for metric in metrics]
    end = metrics[0].ends.latest()
    return Advances(
        run_pk(metrics[0].run_id),
        [metric_sk(metric.key) for metric in metrics],
        "last",
        [encode_point(*top[:3]) for top in tops],
        "p",
        [pack(top, end) for top in tops],
        OPEN_CHUNK_POINTS,
        "nan",
        PLACE,
        [metric.place for metric in metrics],
    )


def is_advance(metric: MetricPoints) -> bool:
    """Whether its first plan puts a number behind the open chunk, and changes nothing else."""
    points = metric.points
    return len(points) == 1 and not points[0].nan and len(metric.key) <= _SURELY_PLAIN


def next_plan(metric: MetricPoints, item: Mapping[str, Any]) -> MetricPlan:
    """The plan that fits the item, as it was when the first plan's condition failed."""
    latest = latest_point(item)
    open_points: list[str] = item.get("p", [])
    opened = unpack_all(open_points)
    known = {latest, *(point for point, _ in opened)}
    fresh = [p for p in metric.points if p not in known]
    ahead = [p for p in fresh if later(p, latest)]
    if len(fresh) >= BATCH_POINTS:
        newer = _new_latest(metric, _latest(ahead)) if ahead else None
        return MetricPlan((_batch(metric, fresh),), newer)
    history = tuple(_single(metric, p) for p in fresh if not later(p, latest))
    if not ahead:
        return MetricPlan(history, None)
    top, ahead = _latest(ahead), sorted(ahead)
    if len(open_points) < OPEN_CHUNK_POINTS:
        return MetricPlan(history, _append(metric, ahead, top))
    sealed = [point for point, _ in opened]
    ends = [metric.ends.current() if end == UNKNOWN else end for _, end in opened]
    chunk = _history(metric, chunk_sk(metric.key, item.get("c", 0)), sealed, ends)
    return MetricPlan((*history, chunk), _reset(metric, item, sealed, ahead, top))


def latest_point(item: Mapping[str, Any]) -> Point:
    """The latest point of a ``METRIC#`` item."""
    return Point(*decode_point(item["last"]), "nan" in item)


def history_prefix(key: str) -> str:
    """What the sort keys of a metric's history begin with."""
    return f"{part(key)}#"


def chunk_sk(key: str, number: int) -> str:
    """The sort key of a sealed chunk."""
    return f"{part(key)}#{number:08d}"


def _latest(points: Sequence[Point]) -> Point:
    # The first of those that stand at the same place: max keeps it, as MLflow does.
    return max(points, key=lambda p: p[:3])


def _append(metric: MetricPoints, points: Sequence[Point], top: Point) -> Update:
    """Add points, in order, to the open chunk. All are later than the item's latest, so that the
    points of chunks ascend, from each chunk to the next."""
    at = encode_point(*top[:3])
    first = at if points[0] is top else encode_point(*points[0][:3])
    room = Both((below("last", first), _HAS_ROOM))
    end = metric.ends.latest()
    return _update(metric, top, at, {}, room, {"p": [pack(p, end) for p in points]})


def _new_latest(metric: MetricPoints, top: Point) -> Update:
    at = encode_point(*top[:3])
    return _update(metric, top, at, {}, below("last", at), {})


def _reset(
    metric: MetricPoints,
    item: Mapping[str, Any],
    sealed: Sequence[Point],
    points: Sequence[Point],
    top: Point,
) -> Update:
    number = item.get("c", 0)
    times = [p.time for p in sealed]
    before = item.get("m", times[0])
    end = metric.ends.latest()
    changed: dict[str, Any] = {
        "c": number + 1,
        "p": [pack(p, end) for p in points],
        "m": max(before, *times),
    }
    if times[0] < before or times != sorted(times):
        changed["x"] = True
    same_chunk: Condition = Missing("c") if number == 0 else equals("c", number)
    behind = below("last", encode_point(*points[0][:3]))
    at = encode_point(*top[:3])
    return _update(metric, top, at, changed, Both((behind, same_chunk)), {})


def _update(
    metric: MetricPoints,
    top: Point,
    at: bytes,
    changed: dict[str, Any],
    condition: Condition,
    append: Mapping[str, list[Any]],
) -> Update:
    """The update that makes ``top``, which is ``at`` in ordered bytes, the latest point."""
    changed["last"] = at
    if top.nan:
        changed["nan"] = True
    if len(metric.key) > _SURELY_PLAIN and is_hashed(part(metric.key)):
        changed["k"] = metric.key
    remove = () if top.nan else ("nan",)
    default = {PLACE: metric.place}
    return Update(metric.item_key, changed, remove, {}, append, condition, default)


def _batch(metric: MetricPoints, points: Sequence[Point]) -> Put:
    """The same points make the same item, so that a retry writes it again and no second one."""
    points = sorted(points)
    digest = hashlib.sha256("".join(map(pack, points)).encode()).hexdigest()[:32]
    first = ordered_text(points[0].step)
    return _logged_now(metric, f"{part(metric.key)}#B#{first}#{digest}", points)


def _single(metric: MetricPoints, point: Point) -> Put:
    return _logged_now(metric, f"{part(metric.key)}#P#{point_text(point)}", [point])


def _logged_now(metric: MetricPoints, sk: str, points: Sequence[Point]) -> Put:
    return _history(metric, sk, points, [metric.ends.current()] * len(points))


def _history(metric: MetricPoints, sk: str, points: Sequence[Point], ends: Sequence[End]) -> Put:
    item: Item = {
        "PK": history_pk(metric.run_id),
        "SK": sk,
        "points": pack_chunk(points),
        "n": len(points),
    }
    if len(points) > 1:
        steps, times = [p.step for p in points], [p.time for p in points]
        item["s_lo"], item["s_hi"] = min(steps), max(steps)
        item["t_lo"], item["t_hi"] = min(times), max(times)
    if any(ends):
        item["e"] = packed_ends(ends)
    if all(ends):
        item["ttl"] = max(ends) * DAY_SECONDS
    return Put(item)


def packed_ends(ends: Sequence[End]) -> int | list[int]:
    """The ends of points: one number where all are the same, else a list of how many there are
    and their end, in turn."""
    runs = [(len(list(same)), end) for end, same in groupby(ends)]
    return runs[0][1] if len(runs) == 1 else [number for run in runs for number in run]


def unpacked_ends(packed: Sequence[int]) -> Iterator[End]:
    """The inverse of ``packed_ends`` for a list."""
    for count, end in zip(packed[::2], packed[1::2], strict=True):
        yield from repeat(end, count)
