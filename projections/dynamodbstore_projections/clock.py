"""What time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Tells Unix seconds."""


def unix_clock() -> float:
    """The machine's clock."""
    return time.time()
