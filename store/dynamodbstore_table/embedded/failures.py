"""What goes wrong with an embedded file, as an error of the port that names the fix."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from dynamodbstore_table.embedded.codec import DamagedValue
from dynamodbstore_table.embedded.files import Disk, disk_of
from dynamodbstore_table.errors import (
    InvalidOps,
    TableError,
    TableUnavailable,
    TransactionConflict,
)

OF_THE_WORK: Final = (sqlite3.Error, UnicodeError, DamagedValue)
"""What work on a file may raise for reasons that are not the code's."""
FAILURES: Final = (*OF_THE_WORK, OSError)
"""The same with what the system refuses: where nobody else's code is called."""

_DAMAGED: Final = "the file is damaged: restore it from a backup"
_ADVICE: Final = (
    ("not a database", "name another path, or move that file away"),
    ("malformed", _DAMAGED),
    ("Could not decode", _DAMAGED),
    ("JSON cannot hold BLOB", _DAMAGED),
    ("datatype mismatch", _DAMAGED),
    ("unable to open", "the file and its directory must be readable and writable by this user"),
    ("no such table", "name another path, or move that file away"),
)
_OF_THE_DISK: Final = ("disk I/O error", "is full", "readonly", "unable to open")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_ROOM_BYTES: Final = 256 * 1024
"""Less than SQLite needs for a new file with its log and its shared memory."""


def is_busy(error: BaseException) -> bool:
    """Whether another connection was in the way, so that trying again may help."""
    if not isinstance(error, sqlite3.Error):
        return False
    text = str(error)
    return "locked" in text or "busy" in text


def describe(error: Exception, path: Path) -> TableError:
    """The error of the port that one of ``FAILURES`` stands for."""
    if isinstance(error, UnicodeEncodeError):
        return InvalidOps(f"not valid Unicode text: {error.object[:50]!r}")
    if isinstance(error, DamagedValue | UnicodeError):
        # The text of some of SQLite's own errors is from the file, and not readable either.
        return TableUnavailable(f"can't use {path}: {error}; {_DAMAGED}")
    if isinstance(error, OSError):
        return _refused_by_system(error, path)
    text = str(error)
    if is_busy(error):
        return TransactionConflict(f"{path} stayed locked by other writers: {text}")
    if any(part in text for part in _OF_THE_DISK):
        advice = _of_the_disk(text, disk_of(path))
        if advice is not None:
            name = getattr(error, "sqlite_errorname", "")  # from Python 3.11 on
            detail = f" ({name})" if name else ""
            return TableUnavailable(f"can't use {path}: {text}{detail}; {advice}")
    for part, advice in _ADVICE:
        if part in text:
            return TableUnavailable(f"can't use {path}: {text}; {advice}")
    return TableUnavailable(f"can't use {path}: {text}")


def _of_the_disk(text: str, disk: Disk | None) -> str | None:
    """What to do about a failure that may be the disk's; None where it seems not to be."""
    where = "its disk" if disk is None else f"its disk ({disk})"
    if disk is not None and disk.read_only:
        return f"{where} is mounted read-only: mount it writable, or name a path on another disk"
    full = "is full" in text
    if full or (disk is not None and (disk.free_bytes < _ROOM_BYTES or not disk.free_files)):
        return f"{where} is full: free some space on it, or name a path on another disk"
    if "I/O" in text:
        return (
            f"{where} failed to read or write: see the system's log; if it goes on, restore the "
            "file from a backup to another disk"
        )
    if "readonly" in text:
        return "the file and its directory must be writable by this user"
    return None


def _refused_by_system(error: OSError, path: Path) -> TableUnavailable:
    reason = f"can't use {path}: {error.strerror or error}"
    disk = disk_of(path)
    where = "its disk" if disk is None else f"its disk ({disk})"
    if error.errno in _FULL:
        advice = f"free some space on {where}, or name a path on another disk"
    elif error.errno == errno.EROFS:
        advice = f"{where} is mounted read-only: mount it writable"
    elif error.errno == errno.EIO:
        advice = f"{where} failed to read or write: see the system's log"
    elif error.errno == errno.EMFILE:
        advice = "this process has too many files open: raise its limit (ulimit -n)"
    else:
        advice = "the file and its directory must be readable and writable by this user"
    return TableUnavailable(f"{reason}; {advice}")
