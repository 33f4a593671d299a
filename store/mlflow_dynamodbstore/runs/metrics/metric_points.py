"""Points of a metric's history, and how they are packed. Pure.

A point of an open chunk is a text of its own, so that it can be appended: base64 of its value (an
IEEE-754 double, NaN as itself), time and step (big-endian), in 20 characters for small steps, 24
for usual ones, 32 for any. A chunk of points is one binary: a format byte, then either rows of 24
bytes, or columns (differences of steps, differences of times, values) compressed.
"""

from __future__ import annotations

import math
import struct
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, repeat
from operator import itemgetter, sub
from typing import Any, Final, NamedTuple

from dynamodbstore_events.metric_values import encode

_SMALL: Final = struct.Struct(">dIHb")
_USUAL: Final = struct.Struct(">dIHi")
_ANY: Final = struct.Struct(">dqq")
_USUAL_TIMES: Final = 2**48
_FORMS: Final = {20: _SMALL, 24: _USUAL}
_ROWS: Final = b"\x00"
_COLUMNS: Final = b"\x01"
_SIGN: Final = 1 << 63
_NAN: Final = float("nan")
_make_tuple: Final[Any] = tuple.__new__


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


in_time: Final = itemgetter(1, 0, 2, 3)
"""The sort key of a history: time, step, value, and NaN behind 0."""


def pack(point: Point) -> str:
    """A point as text; equal points make equal texts."""
    step, time, value, nan = point
    if nan:
        value = _NAN
    if not 0 <= time < _USUAL_TIMES or not -(2**31) <= step < 2**31:
        data = _ANY.pack(value, time, step)
    else:
        form = _SMALL if -128 <= step < 128 else _USUAL
        data = form.pack(value, time >> 16, time & 0xFFFF, step)
    return b2a_base64(data, newline=False).decode("ascii")


def unpack(text: str) -> Point:
    """The inverse of ``pack``; raises ``ValueError`` for what it did not make."""
    data = a2b_base64(text)
    if len(data) == _USUAL.size:
        value, high, low, step = _USUAL.unpack(data)
    elif len(data) == _SMALL.size:
        value, high, low, step = _SMALL.unpack(data)
    elif len(data) == _ANY.size:
        return _point(*_ANY.unpack(data))
    else:
        raise ValueError(f"a point has 20, 24 or 32 characters, not {len(text)}")
    return _point(value, high << 16 | low, step)


def unpack_all(texts: Sequence[str]) -> list[Point]:
    """``unpack`` of each, in a fifth of its time where all have one of the shorter forms."""
    lengths = set(map(len, texts))
    form = _FORMS.get(lengths.pop()) if len(lengths) == 1 else None
    if form is None:
        return [unpack(text) for text in texts]
    data = a2b_base64("".join(texts))
    values, highs, lows, steps = zip(*form.iter_unpack(data), strict=True)
    times = [high << 16 | low for high, low in zip(highs, lows, strict=True)]
    return _points(values, times, steps)


def pack_chunk(points: Sequence[Point]) -> bytes:
    """Any number of points as one binary, in the order given, in the smaller of the two formats."""
    count = len(points)
    values = [_NAN if p.nan else p.value for p in points]
    steps, times = [p.step for p in points], [p.time for p in points]
    try:
        differences = *_differences(steps), *_differences(times)
        columns = struct.pack(f">{2 * count}q{count}d", *differences, *values)
    except struct.error:
        pass  # two steps or times are further apart than 64 bits reach
    else:
        packed = zlib.compress(columns)
        if len(packed) < count * _ANY.size:
            return _COLUMNS + packed
    return _ROWS + b"".join(map(_ANY.pack, values, times, steps))


def unpack_chunk(chunk: bytes) -> list[Point]:
    """The points of a chunk, in the order they were given."""
    if chunk[:1] == _ROWS:
        return [_point(*row) for row in _ANY.iter_unpack(chunk[1:])]
    columns = zlib.decompress(chunk[1:])
    count = len(columns) // _ANY.size
    numbers = struct.unpack(f">{2 * count}q{count}d", columns)
    steps, times = accumulate(numbers[:count]), accumulate(numbers[count : 2 * count])
    return _points(numbers[2 * count :], times, steps)


def ordered_text(number: int) -> str:
    """A 64-bit integer, negative ones too, as 16 hex digits in number order."""
    return f"{number + _SIGN:016x}"


def point_text(point: Point) -> str:
    """A point as part of a sort key: ``<step>#<time>#<value>``, each in its order.

    NaN stands where -0.0 would: the store keeps no -0.0.
    """
    value = encode(-0.0 if point.nan else point.value).hex()
    return f"{ordered_text(point.step)}#{ordered_text(point.time)}#{value}"


def _differences(numbers: Sequence[int]) -> Iterable[int]:
    """What each adds to the one before it, the first to 0."""
    return chain(numbers[:1], map(sub, numbers[1:], numbers))


def _points(values: Sequence[float], times: Iterable[int], steps: Iterable[int]) -> list[Point]:
    if math.isnan(sum(values)):
        # A NaN is among them (or the sum is beyond doubles, which costs time only).
        return list(map(_point, values, times, steps))
    rows = zip(steps, times, values, repeat(False, len(values)), strict=True)
    # What Point._make does, without a Python frame for each of many points.
    return list(map(_make_tuple, repeat(Point), rows))


def _point(value: float, time: int, step: int) -> Point:
    return Point(step, time, value, False) if value == value else Point(step, time, 0.0, True)
