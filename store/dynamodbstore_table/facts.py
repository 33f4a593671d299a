"""What an engine knows of a table as a whole: its size, its stream, what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many items have a partition key of one kind (what stands before its first ``#``), and
    how many of these are the ``META`` items of entities."""

    items: int
    entities: int


@dataclass(frozen=True, slots=True)
class TableFacts:
    """Items and bytes of the table; None where the engine does not know.

    DynamoDB counts anew about every six hours. ``stream`` is None where there are no streams;
    ``stream_arn`` names one that is on.
    ``kinds`` are exact counts, where the engine has them at little cost.
    ``arn`` names the table; ``table_id`` differs from that of an earlier table of the same name.
    ``lacks`` is what the store works without, each in words with the remedy.
    """

    items: int | None = None
    bytes: int | None = None
    stream: bool | None = None
    kinds: Mapping[str, KindCount] | None = None
    stream_arn: str | None = None
    arn: str | None = None
    table_id: str | None = None
    lacks: tuple[str, ...] = ()
