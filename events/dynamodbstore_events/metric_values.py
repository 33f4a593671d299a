"""Metric values as bytes, and the rules of MLflow's SQL store for what is not a plain number.

A value is kept as 8 bytes whose order is the order of the numbers (the IEEE-754 bits with the
sign folded in), so that a condition can compare it; a point as 24 bytes in the order that makes
one later than another: step, time, value. The SQL store keeps NaN as 0 with a mark, and
±Infinity as ±1.7976931348623157e308; -0.0 is 0.0 to it.
"""

from __future__ import annotations

import math
import struct

_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_DOUBLE = struct.Struct(">d")
_UNPACK = _DOUBLE.unpack
_POINT = struct.Struct(">QQd")
VALUE_AT = 16
"""Where in a point's bytes its number begins."""
_LARGEST = 1.7976931348623157e308


def stored(value: float) -> tuple[float, bool]:
    """The number that is kept for ``value``, and whether it stands for NaN."""
    if math.isnan(value):
        return 0.0, True
    if math.isinf(value):
        return (_LARGEST if value > 0 else -_LARGEST), False
    return float(value) + 0.0, False


def encode(number: float) -> bytes:
    """A finite number as 8 bytes in number order."""
    bits = int.from_bytes(_DOUBLE.pack(number), "big")
    return (bits ^ (_ALL if bits & _SIGN else _SIGN)).to_bytes(8, "big")


def decode(data: bytes) -> float:
    """The inverse of ``encode``."""
    # The bytes of a number that is not negative are an IEEE double's with the sign bit set.
    if data[0] >= 0x80:
        positive: float = -_UNPACK(data)[0]
        return positive
    bits = int.from_bytes(data, "big") ^ _ALL
    negative: float = _UNPACK(bits.to_bytes(8, "big"))[0]
    return negative


def encode_point(step: int, time_ms: int, number: float) -> bytes:
    """A point as 24 bytes in the order of (step, time, number); both integers have 64 bits."""
    if number >= 0:
        # The ordered bytes of such a number are those of its negative.
        return _POINT.pack(step + _SIGN, time_ms + _SIGN, -number)
    return _POINT.pack(step + _SIGN, time_ms + _SIGN, 0.0)[:VALUE_AT] + encode(number)


def decode_point(data: bytes) -> tuple[int, int, float]:
    """The inverse of ``encode_point``: step, time (ms), number."""
    step, time_ms, number = _POINT.unpack(data)
    if data[VALUE_AT] >= 0x80:
        return step - _SIGN, time_ms - _SIGN, -number
    return step - _SIGN, time_ms - _SIGN, decode(data[VALUE_AT:])
