"""Connections to one file: each used by one thread at a time, none carried into a forked child.

SQLite keeps the locks of a file per process, and a child forked beside an open connection would
believe that it holds its parent's. So a fork waits for the connections in use and closes them all;
parent and child open new ones when they need them.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from sqlite3 import Connection
from typing import Final

from dynamodbstore_table.errors import TableUnavailable

# Each may hold as much of the file in memory as the page cache of a connection takes.
_MAX_IDLE: Final = 16
_FORK_WAIT_SECONDS: Final = 10.0


class ConnectionPool:
    """Hands out connections made by ``connect``; ``in_use_here`` is for the calling thread."""

    def __init__(
        self, name: str, connect: Callable[[], Connection], in_use_here: Callable[[], bool]
    ) -> None:
        self.write_lock = threading.Lock()
        self._name = name
        self._connect = connect
        self._in_use_here = in_use_here
        self._idle: list[Connection] = []
        self._live: set[Connection] = set()
        self._outdated: set[Connection] = set()
        self._gate = threading.Lock()
        self._closed = False
        self.inherited = False
        _pools.add(self)

    def acquire(self) -> Connection:
        """A connection for this thread alone, until ``release`` or ``discard``."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._open()
            if connection not in self._outdated:
                return connection
            self.discard(connection)

    def release(self, connection: Connection) -> None:
        """Give back a connection that is in no transaction."""
        idle = self._idle
        if self._closed or len(idle) >= _MAX_IDLE or connection in self._outdated:
            self.discard(connection)
        else:
            idle.append(connection)
            if self._closed:
                self._close_idle()

    def discard(self, connection: Connection) -> None:
        """Close a connection that is in doubt or not needed."""
        connection.close()
        self._live.discard(connection)
        self._outdated.discard(connection)

    def renew(self) -> None:
        """Close every connection, those in use when they are given back; new ones are opened."""
        # Without the gate: a fork holds it while it waits for connections in use, as the caller's.
        self._outdated |= self._live
        self._close_idle()

    def is_outdated(self, connection: Connection) -> bool:
        """Whether the pool was renewed since this connection was opened."""
        return connection in self._outdated

    @property
    def empty(self) -> bool:
        """Whether no connection is open."""
        return not self._live

    def close(self) -> None:
        """Close every connection, those in use when they are given back."""
        self._closed = True
        self._close_idle()

    def _open(self) -> Connection:
        if self._closed:
            raise TableUnavailable(f"the table {self._name} is closed")
        self.check_own()
        with self._gate:
            connection = self._connect()
            self._live.add(connection)
        return connection

    def check_own(self) -> None:
        """Raise ``TableUnavailable`` in a child that was forked in the middle of a transaction."""
        if self.inherited:
            raise TableUnavailable(
                f"this process was forked while a transaction on {self._name} was open, which "
                "SQLite does not survive: fork before or after, or start the child by spawn"
            )

    def _close_idle(self) -> None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            self.discard(connection)

    def before_fork(self) -> None:
        """Close all connections, waiting for those in use, and let nobody open new ones."""
        self._gate.acquire()
        if self._in_use_here():
            return
        deadline = time.monotonic() + _FORK_WAIT_SECONDS
        while self._live:
            self._close_idle()
            if self._live:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.0005)

    def after_fork_in_parent(self) -> None:
        self._gate.release()

    def after_fork_in_child(self) -> None:
        self._gate = threading.Lock()
        self.write_lock = threading.Lock()
        if self._live:
            # Closing one here would write to the parent's file without its locks: keep them all.
            _kept_open.update(self._live)
            self._live = set()
            self._idle = []
            self.inherited = True


_pools: weakref.WeakSet[ConnectionPool] = weakref.WeakSet()
_kept_open: set[Connection] = set()
_forking: list[ConnectionPool] = []
_fork_lock = threading.Lock()


def _before_fork() -> None:
    _fork_lock.acquire()
    _forking[:] = list(_pools)
    for pool in _forking:
        pool.before_fork()


def _after_fork_in_parent() -> None:
    for pool in _forking:
        pool.after_fork_in_parent()
    _forking.clear()
    _fork_lock.release()


def _after_fork_in_child() -> None:
    global _fork_lock
    for pool in _forking:
        pool.after_fork_in_child()
    _forking.clear()
    _fork_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
