"""Points of a metric's history, and how they are packed. Pure.

A point of an open chunk is a text of its own, so that it can be appended. It has the point's end
too (``history_expiry``). Usually it takes 24 characters, base64 of 18 bytes: the bits 11, 12 of the
end's day since 2026, 41 of the time, 25 of the step, and the value (an IEEE-754 double, NaN as
itself). Its first character, which the bits 11 begin, is replaced by one that base64 has not: older
versions wrote other texts of 24 characters, and must not take this for one. Any other point takes
36: value, time and step of 8 bytes each, and the end's day since 1970 of 3. Older versions wrote
texts without an end: value, time and step in 20, 24 or 32 characters.

A chunk of points is one binary: a format byte, then either rows of 24 bytes, or columns
(differences of steps, differences of times, values) compressed.
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

from mlflow_dynamodbstore.runs.metrics.history_expiry import NEVER, UNKNOWN, End

_PACKED: Final = struct.Struct(">QHd")
_PACKED_CHARACTERS: Final = 24
_LONG: Final = struct.Struct(">dqqBH")
_DAYS: Final = 2**12
_FIRST_DAY: Final = 20_453
"""The day before 2026: a day of 2026 or later is at least 1 behind it."""
_TIMES: Final = 2**41
_STEPS: Final = 2**24
_MARK: Final = 0b11 << 78
_PLAIN: Final = "wxyz0123456789+/"
_MARKED: Final = "!#$%&()*,-.:;<>?"
_TO_MARKED: Final = dict(zip(_PLAIN, _MARKED, strict=True))
_TO_PLAIN: Final = dict(zip(_MARKED, _PLAIN, strict=True))

# Forms of older versions.
_SMALL: Final = struct.Struct(">dIHb")
_USUAL: Final = struct.Struct(">dIHi")
_ANY: Final = struct.Struct(">dqq")
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


def pack(point: Point, end: End = NEVER) -> str:
    """A point and its end as text; equal ones make equal texts."""
    step, time, value, nan = point
    if nan:
        value = _NAN
    day = end - _FIRST_DAY if end else 0
    if 0 <= time < _TIMES and -_STEPS <= step < _STEPS and (0 < day < _DAYS or not end):
        bits = _MARK | day << 66 | time << 25 | step + _STEPS
        data = _PACKED.pack(bits >> 16, bits & 0xFFFF, value)
        text = b2a_base64(data, newline=False).decode("ascii")
        return _TO_MARKED[text[0]] + text[1:]
    data = _LONG.pack(value, time, step, end >> 16, end & 0xFFFF)
    return b2a_base64(data, newline=False).decode("ascii")


def unpack(text: str) -> Point:
    """The point of a text that this version or an older one made; raises ``ValueError`` for any
    other."""
    return unpack_one(text)[0]


def unpack_one(text: str) -> tuple[Point, End]:
    """The inverse of ``pack``, and for an older text the end ``UNKNOWN``; raises ``ValueError`` for
    what no version made."""
    if len(text) == _PACKED_CHARACTERS and text[0] in _TO_PLAIN:
        high, low, value = _PACKED.unpack(a2b_base64(_TO_PLAIN[text[0]] + text[1:]))
        return _unpacked(high, low, value)
    data = a2b_base64(text)
    if len(data) == _LONG.size:
        value, time, step, high, low = _LONG.unpack(data)
        return _point(value, time, step), high << 16 | low
    return _older(text, data), UNKNOWN


def _unpacked(high: int, low: int, value: float) -> tuple[Point, End]:
    bits = high << 16 | low
    day = bits >> 66 & _DAYS - 1
    point = _point(value, bits >> 25 & _TIMES - 1, (bits & 2 * _STEPS - 1) - _STEPS)
    return point, day + _FIRST_DAY if day else NEVER


def _older(text: str, data: bytes) -> Point:
    if len(data) == _USUAL.size:
        value, high, low, step = _USUAL.unpack(data)
    elif len(data) == _SMALL.size:
        value, high, low, step = _SMALL.unpack(data)
    elif len(data) == _ANY.size:
        return _point(*_ANY.unpack(data))
    else:
        raise ValueError(f"a point has 20, 24, 32 or 36 characters, not {len(text)}")
    return _point(value, high << 16 | low, step)


def unpack_all(texts: Sequence[str]) -> list[tuple[Point, End]]:
    """``unpack_one`` of each, in less of its time where all have the usual form."""
    marks = [text[:1] for text in texts]
    if {_PACKED_CHARACTERS}.issuperset(map(len, texts)) and _TO_PLAIN.keys() >= set(marks):
        plain = "".join([_TO_PLAIN[text[0]] + text[1:] for text in texts])
        return [_unpacked(*row) for row in _PACKED.iter_unpack(a2b_base64(plain))]
    return [unpack_one(text) for text in texts]


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
