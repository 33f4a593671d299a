"""The values that configuration may have: tag patterns, fields with trigram search, days.

The same rules hold for a variable, a ``CONFIG`` item and a command's option. Each function returns
what is wrong with a value, in words that follow the value ("... is 'soon', not a whole number"), or
None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

ALWAYS_DENORMALIZED: Final = "mlflow.*"
NAME_FIELDS: Final = ("experiment_name", "run_name", "model_name")
"""The fields that always have trigram search: to name them changes nothing."""

FTS_FIELDS: Final = ("description",)
"""The further fields, which have it where ``FTS_TRIGRAM_FIELDS`` names them."""

MOST_DAYS: Final = 10_000_000
MOST_PATTERN_CHARACTERS: Final = 250
"""As many as a tag's key may have."""

DAYS_RULE: Final = f"a non-negative whole number of days (0 keeps for ever, at most {MOST_DAYS:,})"
PATTERN_RULE: Final = (
    "a pattern is the key of a tag, in which * stands for any text, ? for a character and [abc] or "
    "[a-z] for one of these"
)
FIELDS_RULE: Final = (
    f"the further fields are: {', '.join(FTS_FIELDS)} (names always have trigram search: "
    f"{', '.join(NAME_FIELDS)})"
)

_RANGE: Final = re.compile(r"(.)-(.)", re.DOTALL)


def comma_separated(text: str) -> tuple[str, ...]:
    """The values of a variable, each once; blanks around them, and empty ones, do not count."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def days_fault(value: object) -> str | None:
    """What is wrong with a number of days."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return None if whole and 0 <= value <= MOST_DAYS else f"not {DAYS_RULE}"  # type: ignore[operator]


def field_fault(value: object) -> str | None:
    """What is wrong with the name of a field with trigram search."""
    return None if value in (*NAME_FIELDS, *FTS_FIELDS) else f"unknown; {FIELDS_RULE}"


def further_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """These fields, each once, without those that always have trigram search."""
    return tuple(dict.fromkeys(field for field in fields if field not in NAME_FIELDS))


def pattern_fault(value: object) -> str | None:
    """What is wrong with a tag pattern."""
    fault = _pattern_fault(value)
    return None if fault is None else f"{fault}; {PATTERN_RULE}"


def _pattern_fault(value: object) -> str | None:
    if not isinstance(value, str):
        return "not text"
    if not value.strip():
        return "empty"
    if value != value.strip():
        return "text with blanks around it"
    if len(value) > MOST_PATTERN_CHARACTERS:
        return f"longer than {MOST_PATTERN_CHARACTERS} characters"
    if not value.isprintable():
        return "text with a character that can't be printed"
    if "," in value:
        return "several patterns in one, with commas"
    return _bracket_fault(value)


def _bracket_fault(pattern: str) -> str | None:
    start = pattern.find("[")
    while start >= 0:
        # A ] that comes first is one of the characters.
        first = start + 2 if pattern.startswith("!", start + 1) else start + 1
        end = pattern.find("]", first + 1)
        if end < 0:
            return "malformed: no ] closes its ["
        for low, high in _RANGE.findall(pattern[first:end]):
            if low > high:
                return f"malformed: nothing is in the range {low}-{high}"
        start = pattern.find("[", end + 1)
    return None
