"""The replay driver: projections rebuilt from the canonical items, or compared with them.

Safe beside live traffic, and beside other replays: the keys of the source only show where to look;
the table as it is then decides what to write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_table.port import Table

from dynamodbstore_projections.all import all_projections, kept_by_all, marks_of
from dynamodbstore_projections.built import announce, mark_built
from dynamodbstore_projections.config import REMEMBERED_SECONDS, ConfigSource
from dynamodbstore_projections.drivers.checkpoint import Checkpoint
from dynamodbstore_projections.drivers.drift import Drift
from dynamodbstore_projections.drivers.heal import (
    Done,
    Healer,
    Inspector,
    Leads,
    Subject,
    Wanting,
    drifted,
    leads_of,
    leads_to,
)
from dynamodbstore_projections.drivers.sources import Source
from dynamodbstore_projections.passed_over import PassedOver
from dynamodbstore_projections.projection import Projection
from dynamodbstore_projections.projector import is_outdated

SETTLE_SECONDS: Final = REMEMBERED_SECONDS + 5
"""After so long every process has read a changed configuration, and works by it."""

LAG_SECONDS: Final = 3.0
_MOST_SUSPECTS: Final = 1000
_MOST_RECENT: Final = 10_000


def _nothing(_: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Scope:
    """What to replay: these projections, of this table, from this source; ``workers`` threads.
    ``extra_fields`` are fields with trigram search that this process adds. ``on_page`` is called
    with the number of items of each page, from whichever thread read it. ``table_id`` differs from
    that of an earlier table of the same name, where the engine has one."""

    table: Table
    projections: Sequence[Projection]
    source: Source
    workers: int = 1
    extra_fields: tuple[str, ...] = ()
    on_page: Callable[[int], None] = _nothing
    table_id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the projections."""
        return tuple(projection.name for projection in self.projections)


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did. ``built`` are the marks that it has set or found set; ``unmarked`` those
    that it may not set, because the source has nothing of what came after it; ``left_alone`` the
    projections of which the table has a newer version than this code; ``passed_over`` the items
    that nothing here can read."""

    done: Done = field(default_factory=Done)
    items: int = 0
    resumed: bool = False
    built: frozenset[str] = frozenset()
    unmarked: frozenset[str] = frozenset()
    left_alone: tuple[str, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver)


def rebuild(
    scope: Scope,
    *,
    table_name: str = "",
    checkpoint_path: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    wait: Callable[[float], None] = time.sleep,
) -> Rebuilt:
    """Rebuild projections, and mark as built what is then complete.

    What searches do not rely on yet is announced first, and every other process is given the time
    to read that: so nothing is written meanwhile that neither they nor this rebuild look at.

    With ``checkpoint_path`` the rebuild goes on where one with that file ended, and the file is
    removed at the end. It is refused (``InvalidCheckpoint``) if a mark was withdrawn and announced
    again since then: the first part of the rebuild did not earn it. Entities that fail are tried
    once more; if they fail again nothing is marked, and the file stays. Raises a ``TableError``,
    ``InvalidCheckpoint``, ``InvalidExport`` or ``OSError`` where it can't go on.
    """
    table, configs = scope.table, ConfigSource(scope.table, scope.extra_fields)
    config = configs.read()
    left_alone = tuple(p.name for p in scope.projections if is_outdated(p, config))
    scope = replace(scope, projections=[p for p in scope.projections if p.name not in left_alone])
    earned = marks_of(scope.names, config)
    about = {
        "table": table_name,
        "table_id": scope.table_id,
        "projections": sorted(scope.names),
        "marks": sorted(earned),
        **scope.source.identity,
    }
    checkpoint = Checkpoint(checkpoint_path, about)
    result = Rebuilt(Done(entities=len(checkpoint.failed)), resumed=checkpoint.resumed)
    result.left_alone = left_alone
    since = announce(table, earned, _now_ms())
    checkpoint.require_announced(since)
    late: frozenset[str] = frozenset()
    if scope.source.as_of_ms is None:
        _wait_for_others(since, report, wait)
    else:
        late = _late(scope.source.as_of_ms, since)
    healer = Healer(table, scope.projections, configs.current)
    lock = threading.Lock()

    def heal(leads: Leads, items: int) -> Mapping[str, str]:
        done = healer.heal(leads)
        with lock:
            result.done.add(done)
            result.items += items
        return done.failed

    _walk(scope, checkpoint, heal, result.passed_over)
    result.done.failed = _tried_again(healer, checkpoint.failed, result.done)
    for error in result.done.damaged:
        result.passed_over.add(error)
    if result.done.failed:
        return result
    result.built = mark_built(table, scope.names, earned - late)
    result.unmarked = earned & late
    checkpoint.finish()
    return result


def _wait_for_others(
    since: Mapping[str, int], report: Callable[[str], None], wait: Callable[[float], None]
) -> None:
    """Let every process read what was announced, before the live table is read."""
    kept = kept_by_all()
    announced = {mark: at_ms for mark, at_ms in since.items() if mark not in kept}
    if announced:
        seconds = SETTLE_SECONDS - (_now_ms() - max(announced.values())) / 1000
        if seconds > 0:
            marks = ", ".join(sorted(announced))
            report(f"waiting {seconds:.0f} s, until every server keeps {marks}")
            wait(seconds)


def _late(as_of_ms: int, since: Mapping[str, int]) -> frozenset[str]:
    """The marks that a source of that time does not earn: what was written between that time and
    the reading of the announcement may be kept by nobody."""
    settle_ms, kept = int(SETTLE_SECONDS * 1000), kept_by_all()
    return frozenset(
        mark
        for mark, at_ms in since.items()
        if as_of_ms < at_ms + (0 if mark in kept else settle_ms)
    )


def _tried_again(healer: Healer, failed: Iterable[str], total: Done) -> dict[str, str]:
    entities = [entity for pk in sorted(failed) if (entity := entity_of(pk)) is not None]
    again = healer.project(entities)
    total.ops += again.ops
    return again.failed


def compare(
    scope: Scope,
    *,
    examples: int = 5,
    wait: Callable[[float], None] = time.sleep,
    wanting: Wanting = drifted,
) -> tuple[Drift, int]:
    """The drift of projections, and how many items the source had; nothing is written. With
    ``unwritten`` for ``wanting`` it is all that a replay would write.

    What little is found is looked at again after some seconds: what the stream was about to bring
    is no drift. Raises a ``TableError`` or ``InvalidExport``.
    """
    configs = ConfigSource(scope.table, scope.extra_fields)
    drift = Drift(examples)
    inspector = Inspector(
        scope.table, scope.projections, configs.current, drift.passed_over, wanting
    )
    suspects: set[Subject] = set()
    lock = threading.Lock()
    items = 0

    def inspect(leads: Leads, found: int) -> Mapping[str, str]:
        nonlocal items
        findings = list(inspector.inspect(leads))
        drift.add(finding for _, finding in findings)
        with lock:
            items += found
            if len(suspects) <= _MOST_SUSPECTS:
                suspects.update(subject for subject, _ in findings)
        return {}

    _walk(scope, Checkpoint(None, {}), inspect, drift.passed_over)
    if not suspects or len(suspects) > _MOST_SUSPECTS:
        return drift, items
    # An embedded table's projections are written with what they are of.
    wait(LAG_SECONDS if scope.table.remote else 0.0)
    lasting = Drift(examples, passed_over=drift.passed_over)
    lasting.add(finding for _, finding in inspector.inspect(leads_to(suspects)))
    return lasting, items


def _walk(
    scope: Scope,
    checkpoint: Checkpoint,
    work: Callable[[Leads, int], Mapping[str, str]],
    passed_over: PassedOver,
) -> None:
    """Lead ``work`` through every part of the source; it returns the entities that failed. Items
    that nothing here can read are added to ``passed_over``."""
    stop = threading.Event()
    known = all_projections()

    def read(part: str) -> None:
        recent = _Recent()
        for page in scope.source.pages(part, checkpoint.position(part)):
            failed = work(recent.unseen(leads_of(page.keys, scope.projections)), len(page.keys))
            passed_over.look_at(page.items, known)
            checkpoint.advance(part, page.next, failed)
            scope.on_page(len(page.keys))
            if stop.is_set():
                return

    with ThreadPoolExecutor(scope.workers, "replay") as pool:
        reading = [
            pool.submit(read, part) for part in scope.source.parts if not checkpoint.is_done(part)
        ]
        try:
            for part in as_completed(reading):
                part.result()
        except BaseException:
            stop.set()
            for part in reading:
                part.cancel()
            raise


class _Recent:
    """Entities that were just looked at: a partition may go over several pages."""

    def __init__(self) -> None:
        self._seen: dict[Entity, None] = {}

    def unseen(self, leads: Leads) -> Leads:
        """The leads without entities that were among the last ones."""
        new = frozenset(entity for entity in leads.entities if entity not in self._seen)
        self._seen.update(dict.fromkeys(new))
        for entity in list(self._seen)[: max(0, len(self._seen) - _MOST_RECENT)]:
            del self._seen[entity]
        return Leads(new, leads.owners, leads.own)


def _now_ms() -> int:
    return int(time.time() * 1000)
