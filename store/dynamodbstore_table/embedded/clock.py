"""The time by which an embedded file goes, which a clock that leaps can't mislead.

What is past its ``ttl`` goes for good, so one process whose clock is a year ahead could erase what
everybody else keeps. The file remembers the time that was last agreed on. It goes on with the time
that passes (a clock that nobody sets); the machine's clock, which is set, is believed while it is
at most a day off. One that is further off is a claim: it counts when it has held for an hour in
which a process ran, or at once when an operator confirms it.

On one machine the time that passes is known across processes, since it counts from the start of
the machine; it stands still while the machine sleeps.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

MOST_OFF_SECONDS: Final = 86_400.0
"""How far the machine's clock may be off the file's time and still be believed at once."""
HOLDS_SECONDS: Final = 3_600.0
"""How long a clock that is further off must hold until it is believed."""
REMARKABLE_SECONDS: Final = 30 * 86_400.0
"""A clock that is so far ahead, or behind, is worth a warning even where nothing expires."""

_KEPT_SECONDS: Final = 60.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

CLOCK_TABLE: Final = """CREATE TABLE IF NOT EXISTS clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    agreed REAL NOT NULL, passed REAL NOT NULL, boot TEXT NOT NULL, off REAL, held REAL NOT NULL)"""
_READ: Final = "SELECT agreed, passed, boot, off, held FROM clock WHERE id = 1"
_WRITE: Final = "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?, ?)"
_EXPIRES: Final = "SELECT EXISTS (SELECT 1 FROM items WHERE ttl IS NOT NULL)"
_NO_TABLE: Final = "no such table: clock"


@dataclass(frozen=True, slots=True)
class ClockState:
    """The machine's time and the file's (Unix seconds), and for how many seconds the machine's has
    held; ``doubted`` while the file does not go by it."""

    path: Path
    machine: float
    file: float
    held: float
    doubted: bool


OnDoubt: TypeAlias = Callable[[ClockState], None]


@dataclass(frozen=True, slots=True)
class _Claim:
    """How far a clock is ``off``, when it was last ``seen``, and for how long it has held (all in
    seconds)."""

    off: float
    seen: float
    held: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the file keeps: the agreed time, and what had passed on which machine since its start;
    the claim of whoever wrote it, if the machine's clock was off."""

    agreed: float
    passed: float
    boot: str
    off: float | None
    held: float

    def at(self, passed: float) -> float:
        """The agreed time by now, as far as it can be known."""
        same_machine = self.boot == _boot() != "" and passed >= self.passed
        return self.agreed + (passed - self.passed if same_machine else 0.0)


class FileClock:
    """The time of the file at ``path``; ``on_doubt`` is called once for a clock that is off."""

    def __init__(self, path: Path, on_doubt: OnDoubt) -> None:
        self._path = path
        self._on_doubt = on_doubt
        self.forget()

    def forget(self) -> None:
        """Know nothing yet: the file at the path is another."""
        self._agreed: tuple[float, float] | None = None
        self._claim: _Claim | None = None
        self._seen: _Kept | None = None
        self._warned = False
        self._expires = False
        self._next_load = 0.0
        self._next_keep = 0.0

    @property
    def known(self) -> bool:
        """Whether the file's time has been read."""
        return self._agreed is not None

    def now(self) -> float:
        """The file's time, in Unix seconds; the machine's before the file has been read."""
        machine, passed = time.time(), time.monotonic()
        agreed = self._agreed
        if agreed is None:
            return machine
        file = agreed[0] + (passed - agreed[1])
        if self._claim is None and -MOST_OFF_SECONDS <= machine - file <= MOST_OFF_SECONDS:
            self._agreed = (machine, passed)
            return machine
        return self._off(machine, passed, file)

    def state(self) -> ClockState:
        """Both clocks, and what the file makes of them."""
        file, claim = self.now(), self._claim
        held = 0.0 if claim is None else claim.held
        return ClockState(self._path, time.time(), file, held, claim is not None)

    # What the file keeps

    def load_due(self) -> bool:
        """Whether a reader should look at what the file keeps: at first, then once a minute."""
        return time.monotonic() >= self._next_load

    def load(self, connection: sqlite3.Connection) -> None:
        """Read what the file keeps: another process may have agreed on a time since."""
        passed = time.monotonic()
        self._next_load = passed + _KEPT_SECONDS
        kept = _read(connection)
        self._expires = bool(connection.execute(_EXPIRES).fetchone()[0])
        if self._agreed is not None:
            if kept is not None and kept != self._seen:
                self._follow(kept, passed)
        elif kept is None:
            self._agreed = (_last_written(self._path), passed)
        else:
            self._claim = None if kept.off is None else _Claim(kept.off, passed, kept.held)
            self._agreed = (kept.at(passed), passed)
        self._seen = kept

    def keep_due(self) -> bool:
        """Whether a write should also write the time down: once a minute."""
        return time.monotonic() >= self._next_keep

    def keep(self, connection: sqlite3.Connection) -> None:
        """Write the agreed time down, within the transaction that the connection has open."""
        self.load(connection)
        file, passed = self.now(), time.monotonic()
        claim = self._claim
        off, held = (None, 0.0) if claim is None else (claim.off, claim.held)
        self._seen = _Kept(file, passed, _boot(), off, held)
        _write(connection, self._seen)
        self._next_keep = passed + _KEPT_SECONDS

    def confirm(self, connection: sqlite3.Connection) -> None:
        """Agree on the machine's time, within the transaction that the connection has open."""
        machine, passed = time.time(), time.monotonic()
        self._seen = _Kept(machine, passed, _boot(), None, 0.0)
        _write(connection, self._seen)
        self._believe(machine, passed)

    # Clocks that are off

    def _off(self, machine: float, passed: float, file: float) -> float:
        off = machine - file
        if abs(off) <= MOST_OFF_SECONDS:
            return self._believe(machine, passed)
        claim = self._claim
        if claim is None or abs(off - claim.off) > MOST_OFF_SECONDS:
            claim = _Claim(off, passed, 0.0)
            self._warned = False
        else:
            claim = _Claim(off, passed, claim.held + max(0.0, passed - claim.seen))
        if claim.held >= HOLDS_SECONDS:
            return self._believe(machine, passed)
        self._claim = claim
        matters = self._expires or off < 0 or off >= REMARKABLE_SECONDS
        warn, self._warned = matters and not self._warned, self._warned or matters
        if warn:
            self._on_doubt(ClockState(self._path, machine, file, claim.held, True))
        return file

    def _believe(self, machine: float, passed: float) -> float:
        self._agreed, self._claim = (machine, passed), None
        self._warned = False
        # What was agreed is for the other processes too.
        self._next_keep = 0.0
        return machine

    def _follow(self, kept: _Kept, passed: float) -> None:
        """Go by what others have agreed on meanwhile."""
        assert self._agreed is not None
        file = self._agreed[0] + (passed - self._agreed[1])
        agreed = kept.at(passed)
        if abs(agreed - file) > MOST_OFF_SECONDS:
            self._agreed, self._claim = (agreed, passed), None
        elif self._claim is not None and kept.off is None:
            # Another process has written since, and its clock agrees with the file's time.
            self._claim = _Claim(self._claim.off, passed, 0.0)


def start_clock(connection: sqlite3.Connection) -> None:
    """Let a new file go by the machine's time, within the transaction that makes it."""
    connection.execute(CLOCK_TABLE)
    _write(connection, _Kept(time.time(), time.monotonic(), _boot(), None, 0.0))


def _read(connection: sqlite3.Connection) -> _Kept | None:
    """What the file keeps; None in one that was made by a version without it."""
    try:
        row = connection.execute(_READ).fetchone()
    except sqlite3.OperationalError as error:
        if _NO_TABLE not in str(error):
            raise
        return None
    return None if row is None else _Kept(*row)


def _write(connection: sqlite3.Connection, kept: _Kept) -> None:
    values = (kept.agreed, kept.passed, kept.boot, kept.off, kept.held)
    try:
        connection.execute(_WRITE, values)
    except sqlite3.OperationalError as error:
        if _NO_TABLE not in str(error):
            raise
        connection.execute(CLOCK_TABLE)
        connection.execute(_WRITE, values)


def _last_written(path: Path) -> float:
    """When the file or its log was last written to, by the clock of then."""
    times = [path.stat().st_mtime]
    try:
        log = os.stat(f"{path}-wal")
    except FileNotFoundError:
        return times[0]
    if log.st_size:  # a connection that has just been opened makes an empty one
        times.append(log.st_mtime)
    return max(times)


@cache
def _boot() -> str:
    """What names this start of this machine; empty where the system has no name for it."""
    try:
        return _BOOT_ID.read_bytes().strip().decode()
    except OSError:
        return ""
