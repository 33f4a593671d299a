"""Who keeps a table's projections, as the servers decide it, and the signs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dynamodbstore_projections.heartbeat import FRESH_MS, all_fresh

from mlflow_dynamodbstore.location import FileLocation, Location, RegionLocation

_MINUTES = FRESH_MS // 60_000


@dataclass(frozen=True, slots=True)
class Keeper:
    """``setting`` is the mode that is set here, ``mode`` what it comes to (``inline`` or
    ``stream``), ``why`` in words."""

    setting: str
    mode: str
    why: str


def keeper(
    location: Location, setting: str, beats: Mapping[str, int | None], now_ms: int
) -> Keeper:
    """Who keeps the projections where ``MLFLOW_DYNAMODB_PROJECTIONS`` is as it is here."""
    if isinstance(location, FileLocation):
        return Keeper(setting, "inline", "an embedded file has no stream")
    if setting != "auto":
        return Keeper(setting, setting, "it is set so here")
    if not isinstance(location, RegionLocation):
        return Keeper(setting, "inline", "a table at an endpoint is kept by its servers")
    if all_fresh(beats.values(), now_ms):
        return Keeper(setting, "stream", "the heartbeats of the stream functions are fresh")
    late = [name for name, at in beats.items() if not all_fresh([at], now_ms)]
    return Keeper(
        setting, "inline", f"no heartbeat of {', '.join(late)} in the last {_MINUTES} minutes"
    )
