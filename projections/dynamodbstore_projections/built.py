"""Marks of what is built: what searches may rely on, in the item ``CONFIG``/``BUILT``.

``marks`` are complete and kept by every writer. ``building`` are those that are being built, and
when (ms) that was announced: every process that has read this keeps them from then on, even if its
own variable does not name them. ``withdrawn`` is when (ms) a mark was last taken away: for some
seconds after that, processes still rely on it. The item changes only under its ``version``, so that
replays and commands that run at the same time lose nothing of each other's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from dynamodbstore_events.keys import CONFIG, Key
from dynamodbstore_table.conditions import ITEM_MISSING, Condition, Missing, equals
from dynamodbstore_table.errors import ConditionFailed, TransactionConflict
from dynamodbstore_table.port import Item, Table, Update

from dynamodbstore_projections.all import marks_of
from dynamodbstore_projections.config import BUILT, Config, config_from_items, projection_of
from dynamodbstore_projections.projection import Projection

BUILT_KEY: Final[Key] = (CONFIG, BUILT)

_MOST_TRIES: Final = 20


def announce(table: Table, marks: Iterable[str], now_ms: int) -> Mapping[str, int]:
    """Announce that these are being built, so that every process keeps them from now on.

    The marks of the projections' earlier versions go: processes of an older version leave the
    projection alone as soon as they read that there is a newer one. Returns when (ms) each mark
    that is not built yet was announced.
    """
    announced = tuple(marks)
    versions = dict(map(projection_of, announced))

    def is_older(mark: str) -> bool:
        name, version = projection_of(mark)
        return version < versions.get(name, 1)

    def change(state: _Marks) -> _Marks:
        gone = frozenset(mark for mark in (*state.marks, *state.building) if is_older(mark))
        new = {mark: now_ms for mark in announced if mark not in state.marks}
        building = {**new, **_without(state.building, gone)}
        withdrawn = now_ms if state.marks & gone else state.withdrawn
        return state._replace(marks=state.marks - gone, building=building, withdrawn=withdrawn)

    state = _change(table, change)
    return {mark: state.building[mark] for mark in announced if mark in state.building}


def announce_newer(
    table: Table, projections: Iterable[Projection], config: Callable[[], Config], now_ms: int
) -> None:
    """Announce the projections whose version the table's marks do not name yet, so that processes
    of an older version leave them alone and stop relying on them. No request where every version
    is the first."""
    later = [p for p in projections if p.version > 1]
    if not later:
        return
    now = config()
    new = [p for p in later if p.version > now.versions.get(p.name, 1)]
    if new:
        announce(table, [mark for p in new for mark in p.marks(now)], now_ms)


def mark_built(table: Table, projections: Iterable[str], marks: Iterable[str]) -> frozenset[str]:
    """Mark as built what a complete rebuild of the projections has earned; the marks set now.

    A pattern or field that the configuration no longer names is not marked, and loses the mark
    that it had: from now on nobody keeps it.
    """
    names, earned = tuple(projections), frozenset(marks)

    def change(state: _Marks) -> _Marks:
        kept = marks_of(names, config_from_items(state.items))
        others = frozenset(mark for mark in state.marks if projection_of(mark)[0] not in names)
        mine = (state.marks | earned) & kept
        return state._replace(marks=others | mine, building=_without(state.building, mine))

    return _change(table, change).marks & earned


def withdraw(table: Table, marks: Iterable[str], now_ms: int | None = None) -> None:
    """Take marks away, before what they stand for is no longer kept."""
    gone = frozenset(marks)
    now = int(time.time() * 1000) if now_ms is None else now_ms

    def change(state: _Marks) -> _Marks:
        withdrawn = now if state.marks & gone else state.withdrawn
        building = _without(state.building, gone)
        return state._replace(marks=state.marks - gone, building=building, withdrawn=withdrawn)

    _change(table, change)


def unchanged_marks(item: Item | None) -> Update:
    """An op that lets a write fail if a mark has changed since the item was read (None: it was
    missing), and makes a process that is about to set one read the configuration again."""
    return Update(BUILT_KEY, add={"version": 1}, condition=_unchanged(item))


def _without(building: Mapping[str, int], marks: frozenset[str]) -> dict[str, int]:
    return {mark: since for mark, since in building.items() if mark not in marks}


class _Marks(NamedTuple):
    marks: frozenset[str]
    building: Mapping[str, int]
    withdrawn: int | None
    items: list[Item]


def _change(table: Table, change: Callable[[_Marks], _Marks]) -> _Marks:
    for _ in range(_MOST_TRIES):
        items = list(table.query_all(CONFIG))
        item = next((i for i in items if i["SK"] == BUILT), None)
        # Refuses malformed marks; the other items matter only where a mark is set.
        config_from_items([] if item is None else [item])
        found = item or {}
        before = _Marks(
            frozenset(found.get("marks", ())),
            found.get("building", {}),
            found.get("withdrawn"),
            items,
        )
        after = change(before)
        if after[:3] == before[:3]:
            return after
        written: dict[str, Any] = {"marks": sorted(after.marks), "building": dict(after.building)}
        if after.withdrawn is not None:
            written["withdrawn"] = after.withdrawn
        update = Update(BUILT_KEY, set=written, add={"version": 1}, condition=_unchanged(item))
        try:
            table.write(update)
        except ConditionFailed:
            continue
        return after
    raise TransactionConflict(f"{CONFIG}/{BUILT} changes faster than it can be changed here")


def _unchanged(item: Item | None) -> Condition:
    if item is None:
        return ITEM_MISSING
    return equals("version", item["version"]) if "version" in item else Missing("version")
