"""The embedded engine: a table in one SQLite file, for any number of threads and processes."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key

from dynamodbstore_table.apply import allowed
from dynamodbstore_table.conditions import Condition
from dynamodbstore_table.errors import (
    ConditionFailed,
    InvalidOps,
    TableMissing,
    TableUnavailable,
    TransactionConflict,
)
from dynamodbstore_table.op_rules import check_op, check_ops
from dynamodbstore_table.port import (
    EVERY,
    MAX_PAGE_BYTES,
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
    Table,
    Update,
)
from dynamodbstore_table.sqlite_codec import decode, decode_partition, decode_some, pick
from dynamodbstore_table.sqlite_pool import ConnectionPool
from dynamodbstore_table.sqlite_query import (
    GET,
    PARTITION,
    SCAN,
    bounds,
    listing,
    next_start,
    page,
)
from dynamodbstore_table.sqlite_rows import Row, apply_change, expired_rows, planned, read_row
from dynamodbstore_table.sqlite_schema import (
    Durability,
    check_place,
    connect,
    create_schema,
    describe,
    has_schema,
    is_busy,
)

_T = TypeVar("_T")

BUSY_SECONDS: Final = 30.0
_BULK_OPS: Final = 1000


class _ThreadState(threading.local):
    """The transaction that this thread has open, for the observer's calls to join."""

    connection: sqlite3.Connection | None = None
    broken: BaseException | None = None


class SqliteTable(Table):
    """A table in the file at ``path``.

    ``durability``: with ``full`` an acknowledged write survives a power loss, with ``process``
    the kill of any process but perhaps not of the machine. ``observer`` is called within each
    write's transaction, in the thread that writes; what it does to this table there belongs to
    that transaction, and its failure undoes the write.
    """

    remote: ClassVar[bool] = False

    def __init__(
        self,
        path: str | Path,
        *,
        durability: Durability = "full",
        observer: Observer | None = None,
    ) -> None:
        if durability not in ("full", "process"):
            raise InvalidOps(f"durability must be 'full' or 'process', not {durability!r}")
        self.path = Path(path).absolute()
        self._durability: Durability = durability
        self._observer = observer
        self._thread = _ThreadState()
        self._pool = ConnectionPool(
            str(self.path), self._connect, lambda: self._thread.connection is not None
        )

    # Reading

    def get(
        self, key: Key, *, consistent: bool = True, attributes: Sequence[str] | None = None
    ) -> Item | None:
        pk, sk = key
        rows = self._read(lambda c: c.execute(GET, (pk, sk, time.time())).fetchall())
        if not rows:
            return None
        body = rows[0][0]
        return decode(pk, body) if attributes is None else decode_some(pk, body, attributes)

    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        wanted = dict.fromkeys(keys)
        now = time.time()
        names = None if attributes is None else ("PK", "SK", *attributes)

        def read(connection: sqlite3.Connection) -> dict[Key, Item]:
            found: dict[Key, Item] = {}
            for key in wanted:
                row = connection.execute(GET, (*key, now)).fetchone()
                if row is not None:
                    item = decode(key[0], row[0])
                    found[key] = item if names is None else pick(item, names)
            return found

        return self._read(read)

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
        statement = listing(pk, index, sk, reverse, start, time.time())

        def read(connection: sqlite3.Connection) -> Page:
            rows = connection.execute(statement.sql, statement.values)
            try:
                return page(rows, index, filter, limit, attributes)
            finally:
                rows.close()

        return self._read(read)

    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        low, high = bounds(sk)
        now = time.time()

        def read(connection: sqlite3.Connection) -> dict[str, list[Item]]:
            found = {}
            for pk in pks:
                bodies = connection.execute(PARTITION, (pk, low, high, now)).fetchone()[0]
                found[pk] = [] if bodies is None else decode_partition(pk, bodies, attributes)
            return found

        return self._read(read)

    def scan(self, segment: int = 0, segments: int = 1, start: Start | None = None) -> Page:
        if not 0 <= segment < segments:
            raise InvalidOps(f"there is no segment {segment} of {segments}")
        behind = ("", "") if start is None else (start["PK"], start["SK"])

        def read(connection: sqlite3.Connection) -> Page:
            items: list[Item] = []
            passed = 0
            rows = connection.execute(SCAN, (*behind, time.time()))
            try:
                for pk, body in rows:
                    passed += len(pk) + len(body)
                    mine = segments == 1 or zlib.crc32(pk.encode()) % segments == segment
                    if mine:
                        items.append(decode(pk, body))
                    if passed >= MAX_PAGE_BYTES:
                        last = items[-1] if mine else decode(pk, body)
                        return Page(items, next_start(last, None))
            finally:
                rows.close()
            return Page(items, None)

        return self._read(read)

    # Writing

    def write(self, *ops: Op) -> list[ChangeEvent]:
        check_ops(ops)

        def change(connection: sqlite3.Connection) -> list[ChangeEvent]:
            now = time.time()
            rows = [read_row(connection, op.key, now) for op in ops]
            failures = {
                position: row.item
                for position, (op, row) in enumerate(zip(ops, rows, strict=True))
                if not allowed(op, row.item)
            }
            if failures:
                raise ConditionFailed(failures)
            changes = [
                planned(op, row)
                for op, row in zip(ops, rows, strict=True)
                if not isinstance(op, Check)
            ]
            return [event for c in changes if (event := apply_change(connection, c)) is not None]

        return self._write(change)

    def bulk(self, ops: Iterable[Put | Update | Delete]) -> list[ChangeEvent]:
        numbered = enumerate(ops)
        events: list[ChangeEvent] = []
        failures: dict[int, Item | None] = {}
        while chunk := list(islice(numbered, _BULK_OPS)):
            for _, op in chunk:
                check_op(op)
                if op.condition is not None and type(op) is not Update:
                    raise InvalidOps("in a bulk only updates may carry conditions", (op,))

            def change(
                connection: sqlite3.Connection,
                chunk: list[tuple[int, Put | Update | Delete]] = chunk,
            ) -> list[ChangeEvent]:
                now = time.time()
                done = []
                for position, op in chunk:
                    row = read_row(connection, op.key, now)
                    if allowed(op, row.item):
                        event = apply_change(connection, planned(op, row))
                        if event is not None:
                            done.append(event)
                    else:
                        failures[position] = row.item
                return done

            events += self._write(change)
        if failures:
            raise ConditionFailed(failures)
        return events

    def sweep_expired(self, limit: int = 1000) -> list[ChangeEvent]:
        if not self._read(lambda c: expired_rows(c, time.time(), 1)):
            return []

        def change(connection: sqlite3.Connection) -> list[ChangeEvent]:
            events = []
            for pk, sk, body in expired_rows(connection, time.time(), limit):
                key = pk, sk
                apply_change(connection, (key, Row(None, None, True), None, None))
                events.append(ChangeEvent(pk, sk, decode(pk, body), True, True))
            return events

        return self._write(change)

    # The file

    def create(self) -> None:
        check_place(self.path)

        def make() -> None:
            connection = connect(self.path, self._durability, create=True)
            try:
                if not has_schema(connection, self.path):
                    create_schema(connection, self.path)
            finally:
                connection.close()

        self._retried(make)

    def exists(self) -> bool:
        if not self.path.exists():
            return False
        try:
            self._read(lambda _: None)
        except TableMissing:
            return False
        return True

    def close(self) -> None:
        self._pool.close()

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

    # Transactions

    def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        joined = self._thread.connection
        if joined is not None:
            return self._joined(work, joined)

        def read() -> _T:
            connection = self._pool.acquire()
            try:
                result = work(connection)
            except BaseException:
                self._pool.discard(connection)
                raise
            self._pool.release(connection)
            return result

        return self._retried(read)

    def _write(self, work: Callable[[sqlite3.Connection], list[ChangeEvent]]) -> list[ChangeEvent]:
        joined = self._thread.connection
        if joined is not None:
            return self._joined(work, joined)
        lock = self._pool.write_lock
        if not lock.acquire(timeout=BUSY_SECONDS):
            raise TransactionConflict(f"another thread kept writing to {self.path}")
        try:
            connection = self._retried(self._begin)
            try:
                events = work(connection)
                if self._observer is not None and events:
                    self._observe(connection, events)
                connection.execute("COMMIT")
            except BaseException as error:
                self._roll_back(connection)
                if isinstance(error, sqlite3.Error | UnicodeEncodeError):
                    raise describe(error, self.path) from error
                raise
            self._pool.release(connection)
        finally:
            lock.release()
        return events

    def _observe(self, connection: sqlite3.Connection, events: list[ChangeEvent]) -> None:
        assert self._observer is not None
        thread = self._thread
        thread.connection, thread.broken = connection, None
        try:
            self._observer(self, events)
            if thread.broken is not None:
                raise TableUnavailable(
                    f"a write within the transaction failed half-way: {thread.broken}"
                ) from thread.broken
        finally:
            thread.connection, thread.broken = None, None

    def _joined(
        self, work: Callable[[sqlite3.Connection], _T], connection: sqlite3.Connection
    ) -> _T:
        try:
            return work(connection)
        except (sqlite3.Error, UnicodeEncodeError) as error:
            # Some statements of the call may have been done: the transaction must not commit.
            self._thread.broken = error
            raise describe(error, self.path) from error

    def _begin(self) -> sqlite3.Connection:
        connection = self._pool.acquire()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if is_busy(error):
                self._pool.release(connection)
            else:
                self._pool.discard(connection)
            raise
        return connection

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._pool.discard(connection)
        else:
            self._pool.release(connection)

    def _retried(self, work: Callable[[], _T]) -> _T:
        """Do the work again while another process is in the way, up to ``BUSY_SECONDS``."""
        deadline = 0.0
        wait = 0.0002
        while True:
            try:
                return work()
            except sqlite3.Error as error:
                now = time.monotonic()
                deadline = deadline or now + BUSY_SECONDS
                if not is_busy(error) or now >= deadline:
                    raise describe(error, self.path) from error
            except UnicodeEncodeError as error:
                raise describe(error, self.path) from error
            time.sleep(random.uniform(0.0, wait))
            wait = min(wait * 1.5, 0.01)
