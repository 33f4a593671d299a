"""The clocks of this process, moved at will."""

from __future__ import annotations

import time

import pytest

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


class Clocks:
    """The clock that people set, and the one that counts what passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        self._passed = 0.0
        machine, passed = time.time, time.monotonic
        monkeypatch.setattr(time, "time", lambda: machine() + self._ahead)
        monkeypatch.setattr(time, "monotonic", lambda: passed() + self._passed)

    def passes(self, seconds: float) -> None:
        """Time passes: both go on."""
        self._ahead += seconds
        self._passed += seconds

    def is_set(self, seconds: float) -> None:
        """The clock is set ahead or back by these seconds, or the machine has slept."""
        self._ahead += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)
