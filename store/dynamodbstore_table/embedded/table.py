"""The embedded engine: a table in one SQLite file, for any number of threads and processes."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import ClassVar, Final, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key

from dynamodbstore_table.apply import allowed
from dynamodbstore_table.checks import (
    check_advances,
    check_condition,
    check_op,
    check_ops,
    check_update_length,
    single_ops,
)
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.embedded.advances import advance_stored
from dynamodbstore_table.embedded.clock import ClockState, OnDoubt
from dynamodbstore_table.embedded.codec import decode, decode_some, reading_stored, stored_bytes
from dynamodbstore_table.embedded.facts import file_facts
from dynamodbstore_table.embedded.joins import joined_page
from dynamodbstore_table.embedded.lookups import read_items
from dynamodbstore_table.embedded.pages import Listing, next_start, page
from dynamodbstore_table.embedded.partitions import read_partitions
from dynamodbstore_table.embedded.query import GET, SCAN
from dynamodbstore_table.embedded.rows import Row, apply_changes, expired_rows, planned, read_rows
from dynamodbstore_table.embedded.schema import (
    Durability,
    check_place,
    connect,
    create_schema,
    has_schema,
)
from dynamodbstore_table.embedded.stamps import Stamps, may_be_old, stamped_items
from dynamodbstore_table.embedded.transactions import Transactions
from dynamodbstore_table.errors import ConditionFailed, InvalidOps, TableMissing
from dynamodbstore_table.facts import TableFacts
from dynamodbstore_table.joins import Having, JoiningTable
from dynamodbstore_table.port import (
    EVERY,
    MAX_OPS,
    MAX_PAGE_BYTES,
    Advances,
    Check,
    Delete,
    Index,
    Item,
    Observer,
    Op,
    Page,
    Put,
    SortRange,
    Start,
    Update,
)

_BULK_OPS: Final = 1000
_BULK_OPS_TOGETHER: Final = 100


class SqliteTable(JoiningTable):
    """A table in the file at ``path``.

    ``durability``: with ``full`` an acknowledged write survives a power loss, with ``process``
    the kill of any process but perhaps not of the machine. ``observer`` is called within each
    write's transaction, in the thread that writes; what it does to this table there belongs to
    that transaction, and its failure undoes the write. ``on_doubt`` is called once while the
    machine's clock is too far off the file's time to be believed.
    """

    remote: ClassVar[bool] = False

    def __init__(
        self,
        path: str | Path,
        *,
        durability: Durability = "full",
        observer: Observer | None = None,
        on_doubt: OnDoubt = lambda state: None,
    ) -> None:
        if durability not in ("full", "process"):
            raise InvalidOps(f"durability must be 'full' or 'process', not {durability!r}")
        self.path = Path(path).absolute()
        self._durability: Durability = durability
        self._observer = observer
        self._stamps = Stamps()
        self._transactions = Transactions(self.path, self._connect, on_doubt)

    # Reading

    def get(
        self, key: Key, *, consistent: bool = True, attributes: Sequence[str] | None = None
    ) -> Item | None:
        pk, sk = key

        def read(connection: sqlite3.Connection) -> Item | None:
            rows = connection.execute(GET, (pk, sk, self._at(connection))).fetchall()
            if not rows:
                return None
            body = rows[0][0]
            return decode(pk, body) if attributes is None else decode_some(pk, body, attributes)

        return self._transactions.read(read)

    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        wanted = list(dict.fromkeys(keys))
        return self._transactions.read(lambda c: read_items(c, wanted, attributes, self._at(c)))

    def query(
        self,
        pk: str,
        *,
        index: Index | None = None,
        sk: SortRange = EVERY,
        filter: Condition | None = None,
        reverse: bool = False,
        limit: int | None = None,
        start: Start | None = None,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> Page:
        if limit is not None and limit < 1:
            raise InvalidOps(f"the limit of a query must be at least 1, not {limit}")

        def read(connection: sqlite3.Connection) -> Page:
            wanted = Listing(pk, index, sk, reverse, filter, attributes, self._at(connection))
            return page(connection, wanted, limit, start)

        return self._transactions.read(read)

    def query_having(
        self,
        pk: str,
        having: Sequence[Having],
        *,
        sk: SortRange = EVERY,
        filter: Condition | None = None,
        reverse: bool = False,
        limit: int,
        start: Start | None = None,
        attributes: Sequence[str] | None = None,
    ) -> Page:
        if limit < 1:
            raise InvalidOps(f"the limit of a query must be at least 1, not {limit}")

        def read(connection: sqlite3.Connection) -> Page:
            wanted = Listing(pk, "GSI1", sk, reverse, filter, attributes, self._at(connection))
            return joined_page(connection, wanted, having, limit, start)

        return self._transactions.read(read)

    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        wanted = list(dict.fromkeys(pks))
        threads = not self._transactions.joined
        return self._transactions.read(
            lambda c: read_partitions(c, wanted, sk, attributes, self._at(c), threads=threads)
        )

    def scan(self, segment: int = 0, segments: int = 1, start: Start | None = None) -> Page:
        if not 0 <= segment < segments:
            raise InvalidOps(f"there is no segment {segment} of {segments}")
        behind = ("", "") if start is None else (start["PK"], start["SK"])

        @reading_stored
        def read(connection: sqlite3.Connection) -> Page:
            items: list[Item] = []
            passed = 0
            rows = connection.execute(SCAN, (*behind, self._at(connection)))
            try:
                for pk, body in rows:
                    passed += len(pk) + stored_bytes(body)
                    mine = segments == 1 or zlib.crc32(pk.encode()) % segments == segment
                    if mine:
                        items.append(decode(pk, body))
                    if passed >= MAX_PAGE_BYTES:
                        last = items[-1] if mine else decode(pk, body)
                        return Page(items, next_start(last, None))
            finally:
                rows.close()
            return Page(items, None)

        return self._transactions.read(read)

    # Writing

    def write(self, *given: Op | Advances) -> list[ChangeEvent]:
        # Within an open transaction, which may go on after a failure, that must have done nothing.
        if (
            len(given) == 1
            and isinstance(given[0], Advances)
            and 1 <= len(given[0]) <= MAX_OPS
            and not self._transactions.joined
        ):
            return self._write_advances(given[0])
        ops = single_ops(given)
        keys = check_ops(ops)
        for op in ops:
            _check_meaning(op)

        def change(connection: sqlite3.Connection) -> list[ChangeEvent]:
            rows = read_rows(connection, keys, self._at(connection))
            failures = {
                position: row.item
                for position, (op, row) in enumerate(zip(ops, rows, strict=True))
                if not allowed(op, row.item)
            }
            if failures:
                raise ConditionFailed(failures)
            return apply_changes(
                connection,
                [
                    planned(key, op, row)
                    for key, op, row in zip(keys, ops, rows, strict=True)
                    if not isinstance(op, Check)
                ],
            )

        return self._write(change)

    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        if isinstance(ops, Advances):
            return self._bulk_advances(ops)
        numbered = enumerate(ops)
        events: list[ChangeEvent] = []
        failures: dict[int, Item | None] = {}
        while chunk := list(islice(numbered, _BULK_OPS)):
            for _, op in chunk:
                check_op(op)
                _check_meaning(op)
                if op.condition is not None and type(op) is not Update:
                    raise InvalidOps("in a bulk only updates may carry conditions", (op,))

            def change(
                connection: sqlite3.Connection,
                chunk: list[tuple[int, Put | Update | Delete]] = chunk,
            ) -> list[ChangeEvent]:
                return _each(connection, chunk, failures, self._at(connection))

            events += self._write(change)
        if failures:
            raise ConditionFailed(failures)
        return events

    def _write_advances(self, ops: Advances) -> list[ChangeEvent]:
        check_advances(ops)

        def change(connection: sqlite3.Connection) -> list[ChangeEvent]:
            failures: dict[int, Item | None] = {}
            events = _advanced(connection, ops, failures, self._at(connection))
            if failures:
                raise ConditionFailed(failures)
            return events

        return self._write(change)

    def _bulk_advances(self, ops: Advances) -> list[ChangeEvent]:
        check_advances(ops)
        failures: dict[int, Item | None] = {}
        events = self._write(lambda c: _advanced(c, ops, failures, self._at(c)))
        if failures:
            raise ConditionFailed(failures)
        return events

    def sweep_expired(self, limit: int = 1000) -> list[ChangeEvent]:
        if not self._transactions.read(lambda c: expired_rows(c, self._at(c), 1)):
            return []

        def change(connection: sqlite3.Connection) -> list[ChangeEvent]:
            if self._stamps.look(connection):
                return []
            expired = expired_rows(connection, self.now(), limit)
            gone = Row(None, None, True)
            apply_changes(connection, [((pk, sk), gone, None, None) for pk, sk, _ in expired])
            return [ChangeEvent(pk, sk, decode(pk, body), True, True) for pk, sk, body in expired]

        return self._write(change)

    # The file

    @property
    def incarnation(self) -> int:
        return self._transactions.incarnation

    def now(self) -> float:
        clock = self._transactions.clock
        if not clock.known:
            self._transactions.read(lambda _: None)
        return clock.now()

    def may_have_old_stamps(self) -> bool:
        return self._transactions.read(may_be_old)

    def ignores_stamps(self) -> bool:
        return self._transactions.read(self._stamps.look)

    def ignore_stamps(self) -> None:
        self._transactions.write(lambda c: self._stamps.set_ignored(c, True))

    def heed_stamps(self) -> None:
        self._transactions.write(lambda c: self._stamps.set_ignored(c, False))

    def stamped(self, behind: Item | None, limit: int) -> list[Item]:
        place = (0, "", "") if behind is None else (behind["ttl"], behind["PK"], behind["SK"])
        return self._transactions.read(lambda c: stamped_items(c, place, limit))

    def clock_state(self) -> ClockState:
        """The machine's clock beside the file's time."""
        self.now()
        return self._transactions.clock.state()

    def confirm_clock(self) -> None:
        """Let the file go by the machine's clock from now on, however far it is off."""
        self._transactions.write(self._transactions.clock.confirm)

    def create(self) -> None:
        def make() -> None:
            check_place(self.path)
            connection = connect(self.path, self._durability, create=True)
            try:
                if not has_schema(connection, self.path):
                    create_schema(connection, self.path)
            finally:
                connection.close()

        self._transactions.retried(make)

    def exists(self) -> bool:
        if not self._transactions.retried(self.path.exists):
            return False
        try:
            self._transactions.read(lambda _: None)
        except TableMissing:
            return False
        return True

    def check(self) -> None:
        if not self.exists():
            raise TableMissing(str(self.path))

    def facts(self, *, with_kinds: bool = False) -> TableFacts:
        return file_facts(self.path, with_kinds)

    def close(self) -> None:
        self._transactions.close()

    def _at(self, connection: sqlite3.Connection) -> float:
        """The time that a ``ttl`` is compared with (Unix seconds)."""
        return 0.0 if self._stamps.ignored(connection) else self.now()

    def _write(self, work: Callable[[sqlite3.Connection], list[ChangeEvent]]) -> list[ChangeEvent]:
        return self._transactions.write(work, None if self._observer is None else self._observe)

    def _observe(self, events: list[ChangeEvent]) -> None:
        if self._observer is not None and events:
            self._observer(self, events)

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            raise TableMissing(str(self.path))
        check_place(self.path)
        connection = connect(self.path, self._durability)
        try:
            if not has_schema(connection, self.path):
                raise TableMissing(str(self.path))
        except BaseException:
            connection.close()
            raise
        return connection


def _check_meaning(op: Op) -> None:
    # Values and sizes are checked when the item is encoded, in one go.
    if op.condition is not None:
        check_condition(op.condition)
    if isinstance(op, Update):
        check_update_length(op)


_Numbered: TypeAlias = list[tuple[int, Put | Update | Delete]]


def _advanced(
    connection: sqlite3.Connection, ops: Advances, failures: dict[int, Item | None], now: float
) -> list[ChangeEvent]:
    """Do the updates, each for itself; ``failures`` as of ``_each``."""
    others, failed = advance_stored(connection, ops)
    left = failed.keys() | set(others)
    sks = [sk for n, sk in enumerate(ops.sks) if n not in left] if left else ops.sks
    done = list(map(ChangeEvent, repeat(ops.pk), sks))
    failures.update(failed)
    return done + _each(connection, [(n, ops.update(n)) for n in others], failures, now)


def _each(
    connection: sqlite3.Connection, ops: _Numbered, failures: dict[int, Item | None], now: float
) -> list[ChangeEvent]:
    """Do the ops, each for itself; ``failures`` gets the items of those whose condition fails."""
    done: list[ChangeEvent] = []
    for part in _without_repeats(ops):
        keys = [op.key for _, op in part]
        rows = read_rows(connection, keys, now)
        changes = []
        for (position, op), key, row in zip(part, keys, rows, strict=True):
            if allowed(op, row.item):
                changes.append(planned(key, op, row))
            else:
                failures[position] = row.item
        done += apply_changes(connection, changes)
    return done


def _without_repeats(ops: _Numbered) -> Iterator[_Numbered]:
    """Parts of the ops, in their order, each of few, that name no key twice."""
    part: _Numbered = []
    keys: set[Key] = set()
    for numbered in ops:
        key = numbered[1].key
        if key in keys or len(part) == _BULK_OPS_TOGETHER:
            yield part
            part, keys = [], set()
        part.append(numbered)
        keys.add(key)
    if part:
        yield part
