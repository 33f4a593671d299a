"""The SQL that reads the embedded file, and the values for its marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from dynamodbstore_table.embedded.prefilter import Prefilter
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Index, SortRange, Start

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
SAME_PK_ANY_AGE: Final = """SELECT CAST(group_concat(wanted.key || ',' || body) AS BLOB)
    FROM json_each(?) AS wanted CROSS JOIN items
    WHERE sk = wanted.value AND pk = ?"""
SAME_PK: Final = f"{SAME_PK_ANY_AGE} AND {_ALIVE}"

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
        low, high = _index_bounds(index, sk, reverse, start)
        values = (pk, low, high, now, *_index_place(index, start))
    if only is None:
        return Statement(_listing(index, reverse, resumed, ""), values)
    return Statement(_listing(index, reverse, resumed, f" AND {only.sql}"), (*values, *only.values))


def joined_listing(
    pk: str,
    sk: SortRange,
    reverse: bool,
    start: Start | None,
    now: float,
    only: Prefilter | None,
    having: Sequence[tuple[str, Prefilter | None]],
    count: int,
) -> Statement:
    """The first ``count`` rows of GSI1 whose partitions have each of the items of ``having``, as
    one value: [[pk, sk, gsi1sk], body of the first such item, ...] without the outer brackets."""
    low, high = _index_bounds("GSI1", sk, reverse, start)
    tables, terms = ["items AS listed"], ["listed.gsi1pk = ?", "listed.gsi1sk BETWEEN ? AND ?"]
    values: list[Any] = [pk, low, high]
    order, beyond = (" DESC", "<") if reverse else ("", ">")
    if start is not None:
        terms.append(f"(listed.gsi1sk, listed.pk, listed.sk) {beyond} (?, ?, ?)")
        values += _index_place("GSI1", start)
    for number, (beside, likely) in enumerate(having):
        tables.append(f"items AS h{number}")
        terms.append(
            f"h{number}.pk = listed.pk AND h{number}.sk = ? "
            f"AND (h{number}.ttl IS NULL OR h{number}.ttl > ?)"
        )
        values += (beside, now)
        if likely is not None:
            terms.append(likely.of(f"h{number}"))
            values += likely.values
    if only is not None:
        # The index alone is walked, and what it lists is looked at last: most has been skipped.
        tables.append("items AS whole")
        terms.append(f"whole.pk = listed.pk AND whole.sk = listed.sk AND {only.of('whole')}")
        values += only.values
    bodies = [f"h{number}.body AS b{number}" for number in range(len(having))]
    each = " || ',' || ".join(f"b{number}" for number in range(len(having)))
    return Statement(
        f"SELECT CAST(group_concat(json_array(pk, sk, gsi1sk) || ',' || {each}) AS BLOB) FROM ("
        "SELECT listed.pk AS pk, listed.sk AS sk, listed.gsi1sk AS gsi1sk, "
        f"{', '.join(bodies)} FROM {' CROSS JOIN '.join(tables)} WHERE {' AND '.join(terms)} "
        f"ORDER BY listed.gsi1sk{order}, listed.pk{order}, listed.sk{order} LIMIT ?)",
        (*values, count),
    )


def joined(rows: Statement, count: int) -> Statement:
    """The first ``count`` rows of a listing as one value: [pk, body, pk, body, ...] without the
    brackets. SQLite joins rows faster than Python fetches them."""
    return Statement(
        "SELECT CAST(group_concat(json_quote(pk) || ',' || body) AS BLOB) "
        f"FROM ({rows.sql} LIMIT ?)",
        (*rows.values, count),
    )


def _index_bounds(
    index: Index, sk: SortRange, reverse: bool, start: Start | None
) -> tuple[str, str | bytes]:
    """The sort keys of an index among which are the rows behind ``start``."""
    low, high = bounds(sk)
    if start is None:
        return low, high
    here = _start_part(start, f"{index.lower()}sk")
    if reverse:
        return low, here if isinstance(high, bytes) else min(high, here)
    return max(low, here), high


def _index_place(index: Index, start: Start) -> tuple[str, str, str]:
    here = _start_part(start, f"{index.lower()}sk")
    return here, _start_part(start, "PK"), _start_part(start, "SK")


def _start_part(start: Start, name: str) -> str:
    try:
        return start[name]
    except KeyError:
        raise InvalidOps(f"the start of a page lacks {name}: {dict(start)!r}") from None
