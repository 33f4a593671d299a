"""Whole numbers of 64 bits: steps and times."""

from __future__ import annotations

from typing import Any, Final

LARGEST_INT: Final = 2**63 - 1
SMALLEST_INT: Final = -(2**63)


def whole_number(value: Any) -> int | None:
    """The whole number of 64 bits that the value is, of whatever type; None for anything else."""
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return whole if whole == value and SMALLEST_INT <= whole <= LARGEST_INT else None
