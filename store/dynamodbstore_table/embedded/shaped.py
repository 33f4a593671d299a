"""The embedded engine that can pass over items of another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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


def _shaped(having: Having) -> Having:
    """A join that no item of another shape passes."""

    def passes(item: Item) -> bool:
        try:
            return having.test(item)
        except (LookupError, TypeError, ValueError):
            return False

    return replace(having, test=passes)
