"""Bytes of any length as the parts that items hold: compressed, and cut to fit."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

PART_BYTES: Final = 300 * 1024


def cut(data: bytes, size: int = PART_BYTES) -> list[bytes]:
    """The data in pieces of at most ``size`` bytes, none for no data."""
    return [data[i : i + size] for i in range(0, len(data), size)]


def compressed_parts(data: bytes) -> list[bytes]:
    """The data compressed, in as many parts as it takes for each to fit an item."""
    return cut(zlib.compress(data))


def joined(parts: Iterable[bytes]) -> bytes:
    """The inverse of ``compressed_parts``; raises ``zlib.error`` for parts of something else."""
    return zlib.decompress(b"".join(parts))
