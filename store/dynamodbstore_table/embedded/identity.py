"""Whether the file at a path is still the one that the connections have open.

SQLite looks a file up once, when it opens it. One that is moved, deleted or replaced later goes on
taking writes which nobody will find, and one that is overwritten in place is mixed with what the
connections know of it. So a write begins by comparing the file at the path with the one that was
opened; that is one ``stat``, about two microseconds. Reads do so once a second.

The write-ahead log belongs to its file but is found by its name. A log that stays behind where its
file was replaced would be replayed into the new file: it is set aside, never deleted.
"""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from dynamodbstore_table.errors import TableUnavailable

SECONDS_BETWEEN_LOOKS: Final = 1.0
"""How often reads look at the file."""
SET_ASIDE: Final = ".set-aside"

_Identity: TypeAlias = tuple[int, int]
"""Device and inode: what stays the same for as long as a file is there, whatever its name."""


class FileChanged(TableUnavailable):
    """The file at the path is no longer the one that was opened, or no longer what it was."""


@dataclass(slots=True)
class _Known:
    """The file that connections have open: its identity, its log's, the bytes that it had, and when
    it was last written to (ns)."""

    file: _Identity
    log: _Identity | None
    size: int
    written: int


class FileWatch:
    """Knows the file at ``path`` that is open, and the one that was open before it."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._log = f"{path}-wal"
        self._shared = f"{path}-shm"
        self._known: _Known | None = None
        self._before: _Known | None = None
        self._spoilt: _Identity | None = None
        self._next_look = 0.0

    def before_opening(self) -> object:
        """Look at the file before a connection opens it; what is returned is for ``opened``.

        Raises ``FileChanged`` where others have another file open, and as long as the file that
        was open has gone or lies there overwritten. Sets aside a log that belongs to another file.
        """
        found = _identity(self._path)
        if self._known is not None:
            if found != self._known.file:
                raise self._differs(found)
            return self._known
        if found is None and self._before is not None:
            raise FileChanged(_gone(self._path))
        if found is not None and found == self._spoilt:
            raise FileChanged(_overwritten(self._path))
        before = self._before
        if before is not None and found != before.file and before.log is not None:
            self._set_aside(before.log)
        return None

    def opened(self, seen: object, *, alone: bool) -> None:
        """Remember the file, when a connection has opened it and read from it.

        ``seen`` is what ``before_opening`` returned, ``alone`` whether no other connection is open:
        the last one to close removes the log, and the next one makes a new one. Raises
        ``FileChanged`` if the file was replaced meanwhile.
        """
        status = _status(self._path)
        if status is None:
            raise FileChanged(_gone(self._path))
        found, log = (status.st_dev, status.st_ino), _identity(self._log)
        if self._known is not seen:
            raise self.replaced()
        if self._known is None:
            self._known = _Known(found, log, status.st_size, status.st_mtime_ns)
            self._spoilt = None
            self._next_look = time.monotonic() + SECONDS_BETWEEN_LOOKS
        elif found != self._known.file:
            raise self._differs(found)
        elif alone:
            self._known.log = log
        elif log != self._known.log:
            raise FileChanged(_without_log(self._path))

    def closed(self) -> None:
        """Forget the file: no connection has it open. A later one may find another there."""
        if self._known is not None:
            self._before, self._known = self._known, None

    def check(self, connection: sqlite3.Connection) -> None:
        """Compare the file at the path with the one that the connection has open.

        The file grows with checkpoints, and may become shorter by ``VACUUM``, of which SQLite knows
        then. The connection has written nothing yet in its transaction. Raises ``FileChanged``.
        """
        known = self._known
        if known is None:
            return
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            raise FileChanged(_gone(self._path)) from None
        except OSError as error:
            raise FileChanged(f"can't look at {self._path}: {error.strerror}") from None
        if (status.st_dev, status.st_ino) != known.file:
            raise self._differs((status.st_dev, status.st_ino))
        if status.st_mtime_ns != known.written:
            # A checkpoint, or somebody else. What is not in the file yet is in the log, but what
            # was in the file stays there.
            room = 0 if status.st_size < known.size else _size(self._log)
            if _expected(connection) > status.st_size + room:
                self._spoilt = known.file
                raise FileChanged(_overwritten(self._path))
            known.size, known.written = status.st_size, status.st_mtime_ns

    def due(self) -> bool:
        """Whether it is time for a reader to look; true once a second."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + SECONDS_BETWEEN_LOOKS
        return True

    def check_log(self) -> None:
        """Raise ``FileChanged`` if the log has been removed, or another put in its place."""
        known = self._known
        if known is not None and known.log is not None and _identity(self._log) != known.log:
            raise FileChanged(_without_log(self._path))

    def replaced(self) -> FileChanged:
        """What befalls a call that has an earlier file open."""
        return FileChanged(_replaced(self._path))

    def _differs(self, found: _Identity | None) -> FileChanged:
        return FileChanged(_gone(self._path)) if found is None else self.replaced()

    def _set_aside(self, log: _Identity) -> None:
        if _identity(self._log) != log:
            return
        for path in (self._log, self._shared):
            try:
                os.replace(path, f"{path}{SET_ASIDE}")
            except FileNotFoundError:
                pass
            except OSError as error:
                raise FileChanged(
                    f"{self._path} was replaced, and {path} belongs to the file before: move it "
                    f"away ({error.strerror}), or it will damage the file that is there now"
                ) from error


def _expected(connection: sqlite3.Connection) -> float:
    """The bytes that SQLite believes the file and its log to have together."""
    try:
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
    except sqlite3.ProgrammingError:
        return 0  # it is closed, after an error that has its own sentence
    except sqlite3.Error:
        return float("inf")
    return pages * page_bytes


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _identity(path: str) -> _Identity | None:
    status = _status(path)
    return None if status is None else (status.st_dev, status.st_ino)


def _size(path: str) -> int:
    status = _status(path)
    return 0 if status is None else status.st_size


def _gone(path: str) -> str:
    return (
        f"{path} was moved or deleted while it was open, and nothing is read or written without "
        "it: put it back, with the -wal and -shm files that were beside it"
    )


def _replaced(path: str) -> str:
    return (
        f"another file was put in the place of {path} while it was open. This call did nothing; "
        "the next one uses the file that is there now"
    )


def _overwritten(path: str) -> str:
    return (
        f"{path} was overwritten or cut short while it was open, and may be damaged: stop every "
        f"server and script that uses it, remove {path}-wal and {path}-shm, copy the backup to "
        f"{path} again, and start them"
    )


def _without_log(path: str) -> str:
    return (
        f"{path}-wal was removed or replaced while {path} was open, and with it what was written "
        "last if no connection had it any more. This call did nothing; the next one opens the "
        "file as it is"
    )
