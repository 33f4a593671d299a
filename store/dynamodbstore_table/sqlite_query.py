"""The SQL that reads the embedded file, and the values for its marks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Index, SortRange, Start
from dynamodbstore_table.sqlite_prefilter import Prefilter

_ALIVE: Final = "(ttl IS NULL OR ttl > ?)"

GET: Final = f"SELECT body FROM items WHERE pk = ? AND sk = ? AND {_ALIVE}"

# One value for a whole partition, or many: SQLite joins rows faster than Python fetches them.
PARTITION: Final = f"""SELECT CAST(group_concat(body) AS BLOB) FROM (
    SELECT body FROM items WHERE pk = ? AND sk >= ? AND sk <= ? AND {_ALIVE} ORDER BY sk)"""
PARTITIONS: Final = """SELECT CAST(group_concat('[' || coalesce((
    SELECT group_concat(body) FROM (
        SELECT body FROM items WHERE pk = wanted.value AND sk >= ?1 AND sk <= ?2
        AND (ttl IS NULL OR ttl > ?3) ORDER BY sk)
    ), '') || ']') AS BLOB) FROM json_each(?4) AS wanted"""

# Items of keys that share a half, joined: number of the key, body, and so on.
SAME_SK: Final = f"""SELECT CAST(group_concat(wanted.key || ',' || body) AS BLOB)
    FROM json_each(?) AS wanted CROSS JOIN items
    WHERE pk = wanted.value AND sk = ? AND {_ALIVE}"""
SAME_PK: Final = f"""SELECT CAST(group_concat(wanted.key || ',' || body) AS BLOB)
    FROM json_each(?) AS wanted CROSS JOIN items
    WHERE sk = wanted.value AND pk = ? AND {_ALIVE}"""

SCAN: Final = f"SELECT pk, body FROM items WHERE (pk, sk) > (?, ?) AND {_ALIVE} ORDER BY pk, sk"

# In SQLite's order every BLOB is above every TEXT, and a BLOB bound to a TEXT column stays one.
OPEN_END: Final = b""


@lru_cache(maxsize=256)
def _listing(index: Index | None, reverse: bool, resumed: bool, filtered: str) -> str:
    order, beyond = (" DESC", "<") if reverse else ("", ">")
    if index is None:
        # Read forward, a page resumes behind a key by a higher first bound: same text.
        high = "<" if resumed and reverse else "<="
        return (
            f"SELECT pk, body FROM items WHERE pk = ? AND sk >= ? AND sk {high} ? AND {_ALIVE}"
            f"{filtered} ORDER BY sk{order}"
        )
    hash_key, sort_key = f"{index.lower()}pk", f"{index.lower()}sk"
    columns = "pk, body" if index == "GSI1" else f"pk, sk, {hash_key}, {sort_key}"
    resume = f" AND ({sort_key}, pk, sk) {beyond} (?, ?, ?)" if resumed else ""
    return (
        f"SELECT {columns} FROM items WHERE {hash_key} = ? AND {sort_key} >= ? "
        f"AND {sort_key} <= ? AND {_ALIVE}{resume}{filtered} "
        f"ORDER BY {sort_key}{order}, pk{order}, sk{order}"
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with the values for its marks."""

    sql: str
    values: tuple[Any, ...]


def bounds(sk: SortRange) -> tuple[str, str | bytes]:
    """The range as two values to compare with, both included."""
    return ("" if sk.low is None else sk.low, OPEN_END if sk.high is None else sk.high)


def listing(
    pk: str,
    index: Index | None,
    sk: SortRange,
    reverse: bool,
    start: Start | None,
    now: float,
    only: Prefilter | None = None,
) -> Statement:
    """The rows of ``query`` in order, as far as anybody reads them (those that ``only`` keeps)."""
    low, high = bounds(sk)
    resumed = start is not None
    values: tuple[Any, ...]
    if start is None:
        values = (pk, low, high, now)
    elif index is None:
        here = _start_part(start, "SK")
        if not reverse:
            values = (pk, max(low, here + "\0"), high, now)
        elif isinstance(high, str) and high < here:
            resumed, values = False, (pk, low, high, now)
        else:
            values = (pk, low, here, now)
    else:
        here = _start_part(start, f"{index.lower()}sk")
        if reverse:
            high = here if isinstance(high, bytes) else min(high, here)
        else:
            low = max(low, here)
        values = (pk, low, high, now, here, _start_part(start, "PK"), _start_part(start, "SK"))
    if only is None:
        return Statement(_listing(index, reverse, resumed, ""), values)
    return Statement(_listing(index, reverse, resumed, f" AND {only.sql}"), (*values, *only.values))


def joined(rows: Statement, count: int) -> Statement:
    """The first ``count`` rows of a listing as one value: [pk, body, pk, body, ...] without the
    brackets. SQLite joins rows faster than Python fetches them."""
    return Statement(
        "SELECT CAST(group_concat(json_quote(pk) || ',' || body) AS BLOB) "
        f"FROM ({rows.sql} LIMIT ?)",
        (*rows.values, count),
    )


def _start_part(start: Start, name: str) -> str:
    try:
        return start[name]
    except KeyError:
        raise InvalidOps(f"the start of a page lacks {name}: {dict(start)!r}") from None
