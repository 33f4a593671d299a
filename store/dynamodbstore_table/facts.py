"""What an engine knows of a table as a whole: its size, and whether it has a stream."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dynamodbstore_table.embedded.schema import connect, describe, has_schema
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableMissing
from dynamodbstore_table.port import Table

_COUNTS: Final = """SELECT
    substr(pk, 1, CASE instr(pk, '#') WHEN 0 THEN length(pk) ELSE instr(pk, '#') - 1 END) AS kind,
    count(*), sum(sk = 'META') FROM items GROUP BY kind"""


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many items have a partition key of one kind (what stands before its first ``#``), and
    how many of these are the ``META`` items of entities."""

    items: int
    entities: int


@dataclass(frozen=True, slots=True)
class TableFacts:
    """Items and bytes of the table; None where the engine does not say.

    DynamoDB counts anew about every six hours. ``stream`` is None where there are no streams;
    ``stream_arn`` names one that is on.
    ``kinds`` are exact counts, where the engine has them at little cost.
    ``arn`` names the table; ``table_id`` differs from that of an earlier table of the same name.
    """

    items: int | None = None
    bytes: int | None = None
    stream: bool | None = None
    kinds: Mapping[str, KindCount] | None = None
    stream_arn: str | None = None
    arn: str | None = None
    table_id: str | None = None


def table_facts(table: Table, *, with_kinds: bool = False) -> TableFacts:
    """The facts of a table that is there; ``with_kinds`` lets the embedded engine count.

    Raises a ``TableError``.
    """
    if isinstance(table, SqliteTable):
        return _of_file(table.path, with_kinds)
    from dynamodbstore_table.dynamodb.table import DynamoDBTable

    if not isinstance(table, DynamoDBTable):
        return TableFacts()
    description = table.client.call("describe_table")["Table"]
    stream = bool((description.get("StreamSpecification") or {}).get("StreamEnabled"))
    return TableFacts(
        items=description.get("ItemCount"),
        bytes=description.get("TableSizeBytes"),
        stream=stream,
        stream_arn=description.get("LatestStreamArn") if stream else None,
        arn=description.get("TableArn"),
        table_id=description.get("TableId"),
    )


def _of_file(path: Path, with_kinds: bool) -> TableFacts:
    if not path.exists():
        raise TableMissing(str(path))
    try:
        with closing(connect(path, "full")) as connection:
            if not has_schema(connection, path):
                raise TableMissing(str(path))
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            size = pages * connection.execute("PRAGMA page_size").fetchone()[0]
            if not with_kinds:
                items = connection.execute("SELECT count(*) FROM items").fetchone()[0]
                return TableFacts(items, size)
            kinds = {kind: KindCount(n, metas) for kind, n, metas in connection.execute(_COUNTS)}
    except sqlite3.Error as error:
        raise describe(error, path) from error
    return TableFacts(sum(count.items for count in kinds.values()), size, None, kinds)
