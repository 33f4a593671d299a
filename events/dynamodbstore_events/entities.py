"""Which entity a change belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

EXPERIMENT: Final = "EXP"
RUN: Final = "RUN"
MODEL: Final = "LM"
REGISTERED_MODEL: Final = "RM"
TRACE: Final = "TRACE"
EXPIRED: Final = "EXPIRED"

DELETING: Final = "deleting"
"""The attribute of a META item whose entity is being removed: to every reader it has gone."""

FORM: Final = "v"
"""The attribute of a META item that names the entity's form; without it the form is 1."""

KINDS: Final = frozenset({EXPERIMENT, RUN, MODEL, REGISTERED_MODEL, TRACE, EXPIRED})


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity by its kind and the rest of its partition key (escaped as ``keys.part`` does)."""

    kind: str
    id: str

    @property
    def pk(self) -> str:
        """The entity's partition key."""
        return f"{self.kind}#{self.id}"


@lru_cache(maxsize=4096)
def entity_of(pk: str) -> Entity | None:
    """The entity whose partition this is; None for history, postings, claims, configuration."""
    kind, _, entity_id = pk.partition("#")
    return Entity(kind, entity_id) if kind in KINDS and entity_id else None
