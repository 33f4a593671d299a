"""What a store takes from the world, so that two stores take the same: time, ids, names."""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from dynamodbstore_table.port import now_ms
from mlflow.utils import name_utils
from mlflow.utils import time as mlflow_time

START_MS = 4_000_000_000_000
"""Far in the future, so that nothing that a store keeps for a time is past it."""

_FIRST_EXPERIMENT = 8


class World:
    """One question's time, ids and names; ``question`` starts the next, ``again`` repeats it."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Every sequence starts in the same world, so that it can be repeated."""
        self.now_ms = START_MS
        self._question = 0
        self._drawn = 0
        self._experiments = 0

    def question(self) -> None:
        """Move on: every third question comes one millisecond later, so that times tie."""
        self._question += 1
        self._experiments += 1
        if self._question % 3 == 0:
            self.now_ms += 1
        self._drawn = 0

    def again(self) -> None:
        """The other store gets what the first one got."""
        self._drawn = 0

    def time_ms(self) -> int:
        return self.now_ms

    def uuid4(self) -> uuid.UUID:
        """Ids in no order of time, the same for both stores."""
        self._drawn += 1
        seed = f"{self._question}/{self._drawn}".encode()
        return uuid.UUID(bytes=hashlib.md5(seed).digest(), version=4)

    def experiment_id(self) -> int:
        """Ids in order of time, of growing length."""
        return _FIRST_EXPERIMENT + self._experiments

    def name(self, *args: object, **kwargs: object) -> str:
        return f"random-name-{self._question % 4}"


@contextmanager
def frozen(world: World) -> Iterator[None]:
    """Let both stores take time, ids and names from ``world``."""
    replaced: dict[str, tuple[Any, Any]] = {
        "get_current_time_millis": (mlflow_time.get_current_time_millis, world.time_ms),
        "now_ms": (now_ms, lambda table: world.time_ms()),
        "_generate_random_name": (name_utils._generate_random_name, world.name),
        # Only as MLflow and our store see it: an SDK between them and the table draws ids too.
        "uuid": (uuid, SimpleNamespace(**{**vars(uuid), "uuid4": world.uuid4})),
    }
    with ExitStack() as stack:
        for module in list(sys.modules.values()):
            if not getattr(module, "__name__", "").startswith(("mlflow", "mlflow_dynamodbstore")):
                continue
            for name, (original, ours) in replaced.items():
                if module.__dict__.get(name) is original:
                    stack.enter_context(mock.patch.object(module, name, ours))
        yield
