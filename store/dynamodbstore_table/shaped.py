"""Passing over items that are not of the shape that the store writes.

Others can write into the table too, and what they leave may lack what a reader looks for. To check
each item costs as much as to decode it, so reading is optimistic: the reads of a ``ShapedReads``
table check nothing until a caller that could not read something turns the checks on
(``check_shapes``). From then on, for ten minutes, every read but ``scan`` passes over items of
another shape, as if they were not there; and a write whose condition met one raises
``DamagedItem``, since such an item can't be read to decide what to do next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import GSI2, Key
from dynamodbstore_events.shapes import ShapeCheck, shape_check

from dynamodbstore_table.errors import ConditionFailed, DamagedItem
from dynamodbstore_table.port import (
    EVERY,
    Advances,
    Delete,
    Index,
    Item,
    Op,
    Page,
    Put,
    SortRange,
    Table,
    Update,
)

CHECKED_SECONDS: Final = 600.0
_TYPES: Final = ShapeCheck(whole=False)


class _Writes(threading.local):
    """How many writes the calling thread has done."""

    made = 0


class ShapedReads(Table):
    """The reads and writes of an adapter, with shapes checked on demand; mixed in before it."""

    _checked_until = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.writes = _Writes()

    @property
    def checks_shapes(self) -> bool:
        """Whether reads pass over items of another shape now."""
        return self._checked_until > 0 and time.monotonic() < self._checked_until

    def check_shapes(self) -> None:
        """Let reads pass over items of another shape for the next ten minutes."""
        self._checked_until = time.monotonic() + CHECKED_SECONDS

    def trust_shapes(self) -> None:
        """Let reads check nothing any more."""
        self._checked_until = 0.0

    def get(
        self, key: Key, *, consistent: bool = True, attributes: Sequence[str] | None = None
    ) -> Item | None:
        item = super().get(key, consistent=consistent, attributes=attributes)  # type: ignore[safe-super]
        if item is not None and self.checks_shapes and _check(attributes).fault(item):
            return None
        return item

    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        found = super().batch_get(keys, consistent=consistent, attributes=attributes)  # type: ignore[safe-super]
        if self.checks_shapes:
            fault = _check(attributes).fault
            for key in [key for key, item in found.items() if fault(item)]:
                del found[key]
        return found

    def query(self, pk: str, *, index: Index | None = None, **options: Any) -> Page:
        page = super().query(pk, index=index, **options)  # type: ignore[safe-super]
        # A lookup (GSI2) holds keys alone.
        return page if index == GSI2 else self.shaped(page, options.get("attributes"))

    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        found = super().partitions(pks, sk=sk, consistent=consistent, attributes=attributes)  # type: ignore[safe-super]
        if self.checks_shapes:
            fault = _check(attributes).fault
            return {pk: [i for i in items if not fault(i)] for pk, items in found.items()}
        return found

    def write(self, *ops: Op | Advances) -> list[ChangeEvent]:
        try:
            events = super().write(*ops)  # type: ignore[safe-super]
        except ConditionFailed as error:
            self._require_shapeed(error)
            raise
        self.writes.made += 1
        return events

    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        self.writes.made += 1
        try:
            return super().bulk(ops)  # type: ignore[safe-super]
        except ConditionFailed as error:
            self._require_shapeed(error)
            raise

    def shaped(self, page: Page, attributes: Sequence[str] | None) -> Page:
        """The page without items of another shape, where these are passed over."""
        if not self.checks_shapes:
            return page
        fault = _check(attributes).fault
        return Page([item for item in page.items if not fault(item)], page.next)

    def _require_shapeed(self, error: ConditionFailed) -> None:
        if not self.checks_shapes:
            return
        for item in error.failures.values():
            fault = None if item is None else shape_check().fault(item)
            if item is not None and fault is not None:
                raise DamagedItem((item["PK"], item["SK"]), fault) from error


def require_shape(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The item, before its values are handed out; raises ``DamagedItem`` where it has another shape
    than the store writes. What it lacks may not have been read: only types count."""
    fault = _TYPES.fault(item)
    if fault is not None:
        raise DamagedItem((item["PK"], item.get("SK", "")), fault)
    return item


def _check(attributes: Sequence[str] | None) -> ShapeCheck:
    return shape_check(None if attributes is None else tuple(attributes))
