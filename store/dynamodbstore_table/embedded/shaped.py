"""The embedded engine that can pass over items of another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dynamodbstore_events.change import ChangeEvent

from dynamodbstore_table.advances import Advances
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.joins import Having
from dynamodbstore_table.port import Item, Page
from dynamodbstore_table.shaped import ShapedReads


class ShapedSqliteTable(ShapedReads, SqliteTable):
    """A table in a file that can pass over items of another shape."""

    def query_having(self, pk: str, having: Sequence[Having], **options: Any) -> Page:
        if self.checks_shapes:
            having = [_shaped(each) for each in having]
        return self.shaped(super().query_having(pk, having, **options), options.get("attributes"))

    def write_advances(self, ops: Advances) -> list[ChangeEvent]:
        events = super().write_advances(ops)
        self.writes.made += 1
        return events

    def bulk_advances(self, ops: Advances) -> list[ChangeEvent]:
        self.writes.made += 1
        return super().bulk_advances(ops)


def _shaped(having: Having) -> Having:
    """A join that no item of another shape passes."""

    def passes(item: Item) -> bool:
        try:
            return having.test(item)
        except (LookupError, TypeError, ValueError):
            return False

    return replace(having, test=passes)
