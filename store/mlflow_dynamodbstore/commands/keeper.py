"""Who keeps a table's projections, as the servers decide it, and the signs of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.heartbeat import FRESH_MS, Heartbeats
from dynamodbstore_table.facts import TableFacts

from mlflow_dynamodbstore.location import FileLocation, Location, RegionLocation, options_of
from mlflow_dynamodbstore.projection_mode import INLINE, MIXED, STREAM, mode_by

_MINUTES: Final = FRESH_MS // 60_000
_PAGE: Final = "docs/operations.md, 'The stream does not reach the functions'"


@dataclass(frozen=True, slots=True)
class Keeper:
    """``setting`` is the mode that is set here, ``mode`` what it comes to (``inline``, ``stream``,
    or ``mixed``: some projections are the functions', the others the servers'), ``why`` in words.
    """

    setting: str
    mode: str
    why: str


def keeper(location: Location, setting: str, heartbeats: Heartbeats, now_ms: int) -> Keeper:
    """Who keeps the projections where ``MLFLOW_DYNAMODB_PROJECTIONS`` is as it is here."""
    if isinstance(location, FileLocation):
        return Keeper(setting, INLINE, "an embedded file has no stream")
    if setting != "auto":
        return Keeper(setting, setting, "it is set so here")
    if not isinstance(location, RegionLocation):
        return Keeper(setting, INLINE, "a table at an endpoint is kept by its servers")
    missing = heartbeats.missing(inline_projections(), now_ms)
    mode = mode_by(missing)
    if mode == STREAM:
        return Keeper(setting, mode, "the heartbeats of the stream functions are fresh")
    if mode == MIXED or any(a.is_fresh(now_ms) for a in heartbeats.arrived.values()):
        # Functions of an earlier version name fewer projections, or none.
        names = ", ".join(sorted(missing))
        return Keeper(setting, mode, f"no function keeps {names}: the servers do")
    if not _ever_sent(heartbeats):
        return Keeper(
            setting,
            mode,
            "no stream function has sent a heartbeat yet; one that is deployed does so within "
            "five minutes",
        )
    return Keeper(setting, mode, f"no heartbeat came by the stream in the last {_MINUTES} minutes")


def _ever_sent(heartbeats: Heartbeats) -> bool:
    return heartbeats.sent is not None or any(
        arrived.at is not None for arrived in heartbeats.arrived.values()
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps the stream functions from their work: its ``state`` for machines, what
    it is, and what mends it."""

    state: str
    what: str
    mend: str


def problems(
    location: Location, heartbeats: Heartbeats, facts: TableFacts, now_ms: int
) -> list[Problem]:
    """What keeps the stream functions of a table in a region from its changes.

    A table that never had functions has no problem: its servers keep the projections.
    """
    if not isinstance(location, RegionLocation):
        return []
    if not _ever_sent(heartbeats):
        return []
    return list(_problems(location, heartbeats, facts, now_ms))


def _problems(
    location: RegionLocation, heartbeats: Heartbeats, facts: TableFacts, now_ms: int
) -> Iterator[Problem]:
    sent = heartbeats.sent
    late = sorted(name for name, a in heartbeats.arrived.items() if not a.is_fresh(now_ms))
    if facts.stream is False:
        yield Problem(
            "stream_off",
            "the table's stream is off: no change reaches the functions",
            "aws dynamodb update-table "
            f"--table-name {location.table} --region {location.region} --stream-specification "
            "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES, then sam deploy with the "
            f"parameter ExistingStreamArn=<the new stream>, then {_replay(location)} ({_PAGE})",
        )
    elif sent is None or now_ms - sent > FRESH_MS:
        yield Problem(
            "no_schedule",
            f"LifecycleFunction's schedule has sent no heartbeat in the last {_MINUTES} minutes",
            "see whether the stack, its function and its schedule are there, and read the "
            f"function's log; then {_replay(location)}",
        )
    elif late:
        yield _not_reached(location, heartbeats, facts, late)
    old = sorted(
        p.name
        for p in inline_projections()
        if (arrived := heartbeats.arrived.get(p.function)) is not None
        and arrived.is_fresh(now_ms)
        and not arrived.keeps(p)
    )
    if old:
        yield Problem(
            "functions_outdated",
            f"the functions are of a version that does not keep {', '.join(old)}: the servers do, "
            "at more requests a write",
            "sam build && sam deploy from this version's sources",
        )


def _not_reached(
    location: RegionLocation, heartbeats: Heartbeats, facts: TableFacts, late: list[str]
) -> Problem:
    names = ", ".join(late)
    others = {heartbeats.arrived[name].stream for name in late} - {facts.stream_arn, None}
    if facts.stream_arn and others:
        return Problem(
            "other_stream",
            f"the functions ({names}) read {', '.join(map(str, sorted(map(str, others))))}, which "
            "is not the table's stream any more",
            f"sam deploy with the parameter ExistingStreamArn={facts.stream_arn}, then "
            f"{_replay(location)} ({_PAGE})",
        )
    return Problem(
        "not_reached",
        f"heartbeats are sent, and none has reached {names} in the last {_MINUTES} minutes: the "
        "function is disabled, fails, is far behind, or reads another stream",
        "see its alarms, its log and its event source; if that is not the stream shown here, sam "
        f"deploy with the parameter ExistingStreamArn={facts.stream_arn}; then "
        f"{_replay(location)} ({_PAGE})",
    )


def _replay(location: Location) -> str:
    return f"mlflow-dynamodbstore replay {options_of(location)}"
