"""How far a replay has come, in a file from which it can go on."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dynamodbstore_projections.drivers.sources import Position

_VERSION: Final = 2


class InvalidCheckpoint(ValueError):
    """The file is not a checkpoint, or belongs to another replay; the message names the reason."""


class Checkpoint:
    """The positions of a replay's parts; with a path, kept in that file, which is replaced whole.

    ``about`` identifies the replay (JSON): a file of another replay is refused with
    ``InvalidCheckpoint``. Safe for many threads.
    """

    def __init__(self, path: Path | None, about: Mapping[str, Any]) -> None:
        self._path = path
        self._about = {"version": _VERSION, **about}
        self._lock = threading.Lock()
        self._positions: dict[str, Position | None] = {}
        self._failed: set[str] = set()
        self._announced: dict[str, int] = {}
        self.resumed = path is not None and self._load(path)

    def _load(self, path: Path) -> bool:
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidCheckpoint(f"can't read the checkpoint {path}: {error}") from error
        try:
            found = json.loads(text)
            positions, failed, about = found["positions"], found["failed"], found["about"]
            version = about["version"]
            announced = found["announced"] if version == _VERSION else {}
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidCheckpoint(f"{path} is not a checkpoint of a replay") from error
        for name, value in self._about.items():
            if about.get(name) != value:
                raise InvalidCheckpoint(
                    f"the checkpoint {path} is of another replay ({name}: {about.get(name)}, "
                    f"now {value}): name another file, or remove it to begin anew"
                )
        self._positions = dict(positions)
        self._failed = set(failed)
        self._announced = dict(announced)
        return True

    def require_announced(self, since: Mapping[str, int]) -> None:
        """Take note of when (ms) each mark that is not built was announced.

        Raises ``InvalidCheckpoint`` where that is not when the resumed replay found it announced:
        in between nobody may have kept what the mark stands for, in the parts that are done too.
        """
        if not self.resumed:
            self._announced = dict(since)
            return
        again = sorted(mark for mark, at in since.items() if self._announced.get(mark) != at)
        if again:
            raise InvalidCheckpoint(
                f"the checkpoint {self._path} was begun before {', '.join(again)} was taken away "
                "and named again: remove the file to begin anew"
            )

    def is_done(self, part: str) -> bool:
        """Whether a part was read to its end."""
        return part in self._positions and self._positions[part] is None

    def position(self, part: str) -> Position | None:
        """Where to go on in a part; None: at its beginning."""
        return self._positions.get(part)

    @property
    def failed(self) -> frozenset[str]:
        """The partition keys of entities that failed, to be tried again."""
        return frozenset(self._failed)

    def advance(self, part: str, position: Position | None, failed: Mapping[str, Any]) -> None:
        """A page of a part is done; None: the part is. Raises ``OSError``."""
        with self._lock:
            self._positions[part] = position
            self._failed.update(failed)
            if self._path is not None:
                self._save(self._path)

    def finish(self) -> None:
        """The replay is complete: there is nothing to go on with."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _save(self, path: Path) -> None:
        saved = {
            "about": self._about,
            "positions": self._positions,
            "failed": sorted(self._failed),
            "announced": self._announced,
        }
        aside = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            with aside.open("w", encoding="utf-8") as file:
                json.dump(saved, file)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
