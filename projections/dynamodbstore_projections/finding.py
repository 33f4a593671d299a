"""One way in which a projection's items differ from what the canonical items ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["missing", "stale", "wrong"]
KINDS: tuple[Kind, ...] = ("missing", "stale", "wrong")


@dataclass(frozen=True, slots=True)
class Finding:
    """An item, or an attribute of one (after its key), that is missing, stale or wrong."""

    projection: str
    kind: Kind
    where: str
