"""Pages of one metric's history, by time, step, value, and NaN behind 0.

Where the sealed chunks ascend in time, as those of ordinary training do, a page reads the chunks
that it needs and, always, the points that came by batch or out of order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from dynamodbstore_events.keys import history_pk
from dynamodbstore_table.port import SortRange, Table, begins_with
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore.runs.metrics.history_expiry import today
from mlflow_dynamodbstore.runs.metrics.metric_history import (
    chunk_points,
    item_points,
    metric_item_key,
    points_of,
)
from mlflow_dynamodbstore.runs.metrics.metric_points import (
    Point,
    in_time,
    pack,
    unpack,
)
from mlflow_dynamodbstore.runs.metrics.metric_writes import (
    OPEN_CHUNK_POINTS,
    chunk_sk,
    history_prefix,
)
from mlflow_dynamodbstore.search.tokens import PageStart

_LAST_CHUNK = 99_999_999
_MORE_CHUNKS = 2

Chunks: TypeAlias = list[tuple[Mapping[str, Any], list[Point]]]


def history_page(
    table: Table, run_id: str, key: str, start: PageStart, most: int
) -> tuple[list[Point], PageStart | None]:
    """At most ``most`` points, and where the next page starts (None: that was all).

    The cursor of a start is the first chunk that is still needed, and the last point returned.
    Raises ``INVALID_PARAMETER_VALUE`` for a cursor that is not ours.
    """
    first_chunk, after = _cursor(start)
    # The item first, and the history after it: see metric_history.
    item = table.get(metric_item_key(run_id, key))
    if item is None:
        return [], None
    skipped = 0 if after else start.offset
    needed = skipped + most + 1
    day = today(table)
    size = None if "x" in item else needed
    chunks = _chunks(table, run_id, key, first_chunk, after, size, day)
    prefix = history_prefix(key)
    apart = SortRange(f"{prefix}B", begins_with(prefix).high)
    beside = table.query_all(history_pk(run_id), sk=apart)
    points = {*item_points(item, day), *points_of(beside, day)}
    points.update(point for _, in_chunk in chunks for point in in_chunk)
    listed = sorted(_behind(points, after), key=in_time)
    page = listed[skipped : skipped + most]
    if len(listed) < needed:
        return page, None
    cursor = _chunk_from(chunks, page[-1], first_chunk), pack(page[-1])
    return page, PageStart(start.offset + most, cursor)


def _chunks(
    table: Table,
    run_id: str,
    key: str,
    first: int,
    after: Point | None,
    needed: int | None,
    day: int,
) -> Chunks:
    """The sealed chunks from a number on, until they hold ``needed`` points behind ``after``."""
    sks = SortRange(chunk_sk(key, first), chunk_sk(key, _LAST_CHUNK))
    size = None if needed is None else needed // OPEN_CHUNK_POINTS + _MORE_CHUNKS
    chunks: Chunks = []
    found = 0
    for item in table.query_all(history_pk(run_id), sk=sks, page_size=size):
        points = chunk_points(item, day)
        chunks.append((item, points))
        found += len(_behind(points, after))
        if needed is not None and found >= needed:
            break
    return chunks


def _behind(points: set[Point] | list[Point], after: Point | None) -> list[Point]:
    if after is None:
        return list(points)
    bound = in_time(after)
    return [point for point in points if in_time(point) > bound]


def _chunk_from(chunks: Chunks, last: Point, first: int) -> int:
    """The first chunk that may hold points behind ``last``."""
    number = first
    for item, points in chunks:
        number = int(item["SK"][-8:])
        if any(point.time >= last.time for point in points):
            return number
        number += 1
    return number


def _cursor(start: PageStart) -> tuple[int, Point | None]:
    if start.cursor is None:
        return 0, None
    chunk, text = start.cursor
    try:
        after = unpack(text)
    except ValueError:
        after = None
    if after is None or not 0 <= chunk <= _LAST_CHUNK:
        raise MlflowException.invalid_parameter_value(
            f"Invalid page token: its cursor {list(start.cursor)} is not a chunk and a point of a "
            "metric's history. Use the next_page_token of the page before."
        )
    return chunk, after
