"""Transactions on the embedded file: waiting for other writers, and joining what is open."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from dynamodbstore_table.embedded.clock import FileClock, OnDoubt
from dynamodbstore_table.embedded.failures import FAILURES, OF_THE_WORK, describe, is_busy
from dynamodbstore_table.embedded.identity import FileChanged, FileWatch
from dynamodbstore_table.embedded.pool import ConnectionPool
from dynamodbstore_table.embedded.schema import trim_log
from dynamodbstore_table.errors import TableError, TableUnavailable, TransactionConflict

_T = TypeVar("_T")

BUSY_SECONDS: Final = 30.0
_FIRST_WAIT_SECONDS: Final = 0.0002
_LONGEST_WAIT_SECONDS: Final = 0.002
_WRITES_BETWEEN_TRIMS: Final = 512


class _Open(threading.local):
    """The transaction that this thread has open while the observer runs."""

    connection: sqlite3.Connection | None = None
    broken: Exception | None = None


class Transactions:
    """Runs work on connections to one file, which ``connect`` opens, by the file's own clock.

    Work that a thread starts within its own open write (see ``write``) joins that transaction.
    A ``TransactionConflict`` is raised when others were in the way for 30 seconds.
    """

    def __init__(
        self, path: Path, connect: Callable[[], sqlite3.Connection], on_doubt: OnDoubt
    ) -> None:
        self._path = path
        self._connect = connect
        self._open = _Open()
        self._watch = FileWatch(path)
        self.clock = FileClock(path, on_doubt)
        self._pool = ConnectionPool(str(path), self._connection, lambda: self.joined)
        self._writes = 0
        self.incarnation = 0
        """How often another file, or none, was found where the one was that had been open."""

    @property
    def joined(self) -> bool:
        """Whether this thread is within a write."""
        return self._open.connection is not None

    def close(self) -> None:
        """Close every connection; later work raises ``TableUnavailable``."""
        self._pool.close()

    def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do the work, again if another connection was in the way."""
        if self._open.connection is not None:
            return self._join(work)
        try:
            return self.retried(lambda: self._read(work))
        except FileChanged:
            self._renew()
            raise

    def write(
        self,
        work: Callable[[sqlite3.Connection], _T],
        within: Callable[[_T], None] | None = None,
    ) -> _T:
        """Do the work and then ``within`` its result, as one transaction that commits or is undone.

        What this thread reads and writes during ``within`` belongs to the transaction.
        """
        if self._open.connection is not None:
            return self._join(work)
        # Threads queue for a lock of their own: waiting in SQLite means sleeping and trying again.
        lock = self._pool.write_lock
        if not lock.acquire(timeout=BUSY_SECONDS):
            raise TransactionConflict(f"other threads kept writing to {self._path}")
        try:
            return self._write(work, within)
        except FileChanged:
            self._renew()
            raise
        finally:
            lock.release()

    def retried(self, work: Callable[[], _T]) -> _T:
        """Do the work again, after a short random wait, while another connection is in the way."""
        deadline = 0.0
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                return work()
            except FAILURES as error:
                now = time.monotonic()
                deadline = deadline or now + BUSY_SECONDS
                if not is_busy(error) or now >= deadline:
                    raise describe(error, self._path) from error
            time.sleep(random.uniform(0.0, wait))
            wait = min(wait * 1.5, _LONGEST_WAIT_SECONDS)

    def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = self._pool.acquire()
        try:
            if self._watch.due():
                self._check(connection)
                self._watch.check_log()
                if self.clock.load_due():
                    self.clock.load(connection)
            result = work(connection)
        except OF_THE_WORK as error:
            explained = None if is_busy(error) else self._explained(error, connection)
            self._pool.discard(connection)
            if explained is None:
                raise
            raise explained from error
        except BaseException:
            self._pool.discard(connection)
            raise
        self._pool.release(connection)
        return result

    def _write(
        self,
        work: Callable[[sqlite3.Connection], _T],
        within: Callable[[_T], None] | None,
    ) -> _T:
        connection = self.retried(self._begin)
        try:
            result = work(connection)
            if within is not None:
                self._run_within(connection, within, result)
            if self._pool.is_outdated(connection):
                raise self._watch.replaced()
            if self.clock.keep_due():
                self.clock.keep(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back(connection)
            if isinstance(error, OF_THE_WORK):
                raise self._explained(error, connection) from error
            raise
        self._writes += 1
        if self._writes % _WRITES_BETWEEN_TRIMS == 0:
            trim_log(connection, self._path)
        self._pool.release(connection)
        return result

    def _connection(self) -> sqlite3.Connection:
        """A new connection, to the file that the others have open."""
        seen = self._watch.before_opening()
        connection = self._connect()
        try:
            self._watch.opened(seen, alone=self._pool.empty)
            if not self.clock.known:
                self.clock.load(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        """Raise ``FileChanged`` unless the connection has the file open that is at the path."""
        if self._pool.is_outdated(connection):
            raise self._watch.replaced()
        self._watch.check(connection)

    def _explained(self, error: Exception, connection: sqlite3.Connection) -> TableError:
        """What went wrong: the answers of a moved or overwritten file don't show the cause."""
        try:
            self._check(connection)
        except FileChanged as changed:
            return changed
        return describe(error, self._path)

    def _renew(self) -> None:
        """Open the file anew from now on: what is open, and what was read of it, is of another."""
        self.incarnation += 1
        self._watch.closed()
        self.clock.forget()
        self._pool.renew()

    def _run_within(
        self, connection: sqlite3.Connection, within: Callable[[_T], None], result: _T
    ) -> None:
        here = self._open
        here.connection, here.broken = connection, None
        try:
            within(result)
            self._pool.check_own()
            if here.broken is not None:
                raise TableUnavailable(
                    f"a call within the transaction failed half-way: {here.broken}"
                ) from here.broken
        finally:
            here.connection, here.broken = None, None

    def _join(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        here = self._open
        assert here.connection is not None
        self._pool.check_own()
        if here.broken is not None:
            # SQLite may have ended the transaction: a write would now be done for itself.
            raise describe(here.broken, self._path) from here.broken
        try:
            return work(here.connection)
        except OF_THE_WORK as error:
            # Some statements of the call may have been done: the transaction must not commit,
            # even if the observer swallows the error.
            here.broken = error
            raise describe(error, self._path) from error

    def _begin(self) -> sqlite3.Connection:
        connection = self._pool.acquire()
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._check(connection)
        except BaseException as error:
            if is_busy(error):
                self._pool.release(connection)
            else:
                self._pool.discard(connection)
            raise
        return connection

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        if self._pool.inherited:
            return  # it is the parent's transaction, in memory that both share
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._pool.discard(connection)
        else:
            self._pool.release(connection)
