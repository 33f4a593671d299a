"""Trigrams of texts and of LIKE patterns: what postings are kept by, and looked up by.

Texts are folded as ``ILIKE`` does on SQLite: A to Z in lower case, no other letter. A posting of
the folded text serves ``LIKE`` as well, which then sees some candidates too many.
"""

from __future__ import annotations

import re
from typing import Final

LENGTH: Final = 3

_FOLD: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_WILDCARDS: Final = re.compile("[%_]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def fold(text: str) -> str:
    """The text with A to Z in lower case; other letters stay, as with SQLite's ``lower()``."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def searchable(text: str) -> str:
    """What a LIKE pattern is compared with: the folded text up to its first NUL."""
    return fold(text.partition("\0")[0] if "\0" in text else text)


def trigrams(text: str) -> frozenset[str]:
    """Every three code points in a row of the searchable text; none if it is shorter."""
    folded = searchable(text)
    return frozenset(folded[i : i + LENGTH] for i in range(len(folded) - LENGTH + 1))


def required_trigrams(pattern: str) -> frozenset[str]:
    """The trigrams of every text that matches the pattern, by LIKE or by ILIKE.

    They come from the runs of three or more literal characters between the wildcards ``%`` and
    ``_`` (nothing escapes these). Without such a run there are none: the pattern can't narrow.
    """
    literals = _WILDCARDS.split(pattern.partition("\0")[0])
    # No item can hold half of a surrogate pair, so there is no key to look it up by.
    return frozenset(
        trigram
        for literal in literals
        for trigram in trigrams(literal)
        if not _SURROGATE.search(trigram)
    )
