"""A file that goes by the machine's clock, as a table on DynamoDB does: for tests that move it."""

from __future__ import annotations

import time

from dynamodbstore_table.embedded.table import SqliteTable


class UnguardedTable(SqliteTable):
    """An embedded table that believes in every leap of the machine's clock."""

    def now(self) -> float:
        return time.time()
