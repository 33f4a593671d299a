"""Points of a metric's history, and how they are packed into bytes. Pure.

One point is a row of 24 bytes: step, time, value (big-endian; 64-bit integers and an IEEE-754
double, NaN as itself). A chunk of points is one binary: a format byte, then either the rows as
they are, or their columns (differences of steps, differences of times, values) compressed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from mlflow_dynamodbstore.tracking.metric_values import encode

ROW_BYTES: Final = 24
LARGEST_INT: Final = 2**63 - 1
SMALLEST_INT: Final = -(2**63)

_ROW: Final = struct.Struct(">qqd")
_ROWS: Final = b"\x00"
_COLUMNS: Final = b"\x01"
_SIGN: Final = 1 << 63
_NAN: Final = float("nan")


class Point(NamedTuple):
    """A value at a step and a time (ms): ``value`` is the stored number, 0 where ``nan`` is true.

    Points are equal where MLflow drops one as a repeat of the other; their order is that of
    MLflow's samples, and its first three parts are what makes a point later than another.
    """

    step: int
    time: int
    value: float
    nan: bool


def later(point: Point, other: Point) -> bool:
    """Whether MLflow takes ``point`` for the latest when ``other`` was; NaN counts as 0."""
    return point[:3] > other[:3]


def in_time(point: Point) -> tuple[int, int, float, bool]:
    """The sort key of a history: time, step, value, and NaN behind 0."""
    return point.time, point.step, point.value, point.nan


def pack(point: Point) -> bytes:
    """A point as its row."""
    return _ROW.pack(point.step, point.time, _NAN if point.nan else point.value)


def unpack(rows: bytes) -> list[Point]:
    """The points of rows that follow one another."""
    return [
        Point(step, time, value, False) if value == value else Point(step, time, 0.0, True)
        for step, time, value in _ROW.iter_unpack(rows)
    ]


def pack_chunk(points: Sequence[Point]) -> bytes:
    """Any number of points as one binary, in the order given, in the smaller of the two formats."""
    rows = b"".join(map(pack, points))
    count = len(points)
    values = [_NAN if p.nan else p.value for p in points]
    try:
        columns = struct.pack(
            f">{2 * count}q{count}d",
            *_differences([p.step for p in points]),
            *_differences([p.time for p in points]),
            *values,
        )
    except struct.error:
        # Two steps or times further apart than 64 bits reach.
        return _ROWS + rows
    packed = zlib.compress(columns)
    return _COLUMNS + packed if len(packed) < len(rows) else _ROWS + rows


def unpack_chunk(chunk: bytes) -> list[Point]:
    """The points of a chunk, in the order they were given."""
    if chunk[:1] == _ROWS:
        return unpack(chunk[1:])
    columns = zlib.decompress(chunk[1:])
    count = len(columns) // ROW_BYTES
    numbers = struct.unpack(f">{2 * count}q{count}d", columns)
    steps, times = accumulate(numbers[:count]), accumulate(numbers[count : 2 * count])
    return [
        Point(step, time, value, False) if value == value else Point(step, time, 0.0, True)
        for step, time, value in zip(steps, times, numbers[2 * count :], strict=True)
    ]


def ordered_text(number: int) -> str:
    """A 64-bit integer, negative ones too, as 16 hex digits in number order."""
    return f"{number + _SIGN:016x}"


def point_text(point: Point) -> str:
    """A point as part of a sort key: ``<step>#<time>#<value>``, each in its order.

    NaN stands where -0.0 would: the store keeps no -0.0.
    """
    value = encode(-0.0 if point.nan else point.value).hex()
    return f"{ordered_text(point.step)}#{ordered_text(point.time)}#{value}"


def _differences(numbers: Iterable[int]) -> list[int]:
    before = 0
    differences = []
    for number in numbers:
        differences.append(number - before)
        before = number
    return differences
