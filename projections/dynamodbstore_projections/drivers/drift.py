"""Drift: where a projection's items differ from what the canonical items ask for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dynamodbstore_events.keys import Key
from dynamodbstore_table.port import Check, Delete, Op, Put, Update

from dynamodbstore_projections.finding import KINDS, Finding, Kind
from dynamodbstore_projections.passed_over import PassedOver
from dynamodbstore_projections.projection import Writes, ops_of
from dynamodbstore_projections.view import View

__all__ = ["KINDS", "Drift", "Finding", "Kind", "findings"]


@dataclass(slots=True)
class Drift:
    """Numbers of findings by projection and kind, and the first examples of each; and the items
    that were passed over, which no replay heals. Safe for many threads."""

    examples_each: int = 5
    counts: Counter[tuple[str, Kind]] = field(default_factory=Counter)
    examples: dict[tuple[str, Kind], list[str]] = field(default_factory=dict)
    passed_over: PassedOver = field(default_factory=PassedOver)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, findings: Iterable[Finding]) -> None:
        """Count these too."""
        with self._lock:
            for finding in findings:
                of = finding.projection, finding.kind
                self.counts[of] += 1
                shown = self.examples.setdefault(of, [])
                if len(shown) < self.examples_each:
                    shown.append(finding.where)

    @property
    def total(self) -> int:
        """All findings."""
        return self.counts.total()


def findings(projection: str, writes: Writes, view: View) -> Iterator[Finding]:
    """The drift that a projection's missing writes show, compared with its items in the view."""
    # A move of postings writes its mark more than once: the last write counts.
    last: dict[Key, Op] = {op.key: op for op in ops_of(writes) if not isinstance(op, Check)}
    view.prefetch(last)
    for key, op in last.items():
        where = f"{key[0]} {key[1]}"
        item = view.get(key)
        if isinstance(op, Put):
            if item is None:
                yield Finding(projection, "missing", where)
            elif item != op.item:
                yield Finding(projection, "wrong", where)
        elif isinstance(op, Delete):
            if item is not None:
                yield Finding(projection, "stale", where)
        elif isinstance(op, Update):
            yield from _attributes(projection, where, op, item or {})


def _attributes(
    projection: str, where: str, op: Update, item: Mapping[str, object]
) -> Iterator[Finding]:
    for name, value in op.set.items():
        if name not in item:
            yield Finding(projection, "missing", f"{where} {name}")
        elif item[name] != value:
            yield Finding(projection, "wrong", f"{where} {name}")
    for name in op.remove:
        if name in item:
            yield Finding(projection, "stale", f"{where} {name}")
    for name in (*op.add, *op.append):
        yield Finding(projection, "wrong", f"{where} {name}")
