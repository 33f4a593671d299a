"""Whole numbers of 64 bits: steps and times."""

from __future__ import annotations

import re
from typing import Any, Final

LARGEST_INT: Final = 2**63 - 1
SMALLEST_INT: Final = -(2**63)
_DIGITS: Final = re.compile(r"[+-]?[0-9]{1,19}")


def whole_number(value: Any) -> int | None:
    """The whole number of 64 bits that the value is, of whatever type; None for anything else.

    Digits as text are their number, as in a column of numbers of MLflow's SQL store.
    """
    digits = isinstance(value, str) and _DIGITS.fullmatch(value) is not None
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return whole if (digits or whole == value) and SMALLEST_INT <= whole <= LARGEST_INT else None
