"""Which stream records a function is invoked with: the event filters of template.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from dynamodbstore_events.keys import HEARTBEAT_KEY

from dynamodbstore_projections.projection import Projection

MOST_FILTERS: Final = 5
"""Lambda's limit for an event source."""


def event_filters(projections: Iterable[Projection]) -> list[dict[str, Any]]:
    """The patterns of the records that these projections watch, and of the heartbeat. A record
    that matches any of them passes. Kinds of entities that are watched alike share a pattern.
    """
    watched: dict[str, set[str]] = {}
    for projection in projections:
        for kind, starts in projection.watches.items():
            watched.setdefault(kind, set()).update(starts)
    kinds_of: dict[tuple[str, ...], list[str]] = {}
    for kind, found in sorted(watched.items()):
        # "" begins every sort key.
        starts = () if "" in found else tuple(sorted(found))
        kinds_of.setdefault(starts, []).append(kind)
    return [
        *(_keys([f"{kind}#" for kind in kinds], starts) for starts, kinds in kinds_of.items()),
        {"dynamodb": {"Keys": {"PK": {"S": [HEARTBEAT_KEY[0]]}}}},
    ]


def _keys(pks: Iterable[str], sks: Iterable[str]) -> dict[str, Any]:
    keys = {"PK": {"S": [{"prefix": pk} for pk in pks]}}
    starts = [{"prefix": sk} for sk in sks]
    if starts:
        keys["SK"] = {"S": starts}
    return {"dynamodb": {"Keys": keys}}
