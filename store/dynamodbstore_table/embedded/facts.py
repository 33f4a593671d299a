"""What is in the embedded file, counted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from dynamodbstore_table.embedded.failures import FAILURES, describe
from dynamodbstore_table.embedded.schema import connect, has_schema
from dynamodbstore_table.errors import TableMissing
from dynamodbstore_table.facts import KindCount, TableFacts

_COUNTS: Final = """SELECT
    substr(pk, 1, CASE instr(pk, '#') WHEN 0 THEN length(pk) ELSE instr(pk, '#') - 1 END) AS kind,
    count(*), sum(sk = 'META') FROM items GROUP BY kind"""


def file_facts(path: Path, with_kinds: bool) -> TableFacts:
    """The facts of a file; ``with_kinds`` counts by kind, which reads every key.

    Raises ``TableMissing`` and ``TableUnavailable``.
    """
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
    except FAILURES as error:
        raise describe(error, path) from error
    return TableFacts(sum(count.items for count in kinds.values()), size, None, kinds)
