"""A writer that logs points to a server until the server dies, and keeps what it acknowledged."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import requests

_SECONDS = 30.0


class AcknowledgedPoints:
    """Logs a point of ``loss`` a step, one after the other, in a thread of its own.

    MLflow's own client would try again for minutes; this one stops at the first failure.
    """

    def __init__(self, server_url: str, run_id: str) -> None:
        self.steps: set[int] = set()
        self._url = f"{server_url}/api/2.0/mlflow/runs/log-metric"
        self._run_id = run_id
        self._thread = threading.Thread(target=self._log)

    def __enter__(self) -> AcknowledgedPoints:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Return when the server has died and the writer has seen it."""
        self._thread.join(_SECONDS)
        assert not self._thread.is_alive(), "the server still answers"

    def wait_for(self, count: int) -> None:
        """Return when that many points are acknowledged."""
        deadline = time.monotonic() + _SECONDS
        while len(self.steps) < count:
            assert self._thread.is_alive(), "the server refused a point"
            assert time.monotonic() < deadline, f"{len(self.steps)} points in {_SECONDS} s"
            time.sleep(0.01)

    def _log(self) -> None:
        point = {"run_id": self._run_id, "key": "loss", "value": 0.5}
        with requests.Session() as session:
            step = 0
            while True:
                body = point | {"step": step, "timestamp": int(time.time() * 1_000)}
                try:
                    if not session.post(self._url, json=body, timeout=10).ok:
                        return
                except requests.RequestException:
                    return
                self.steps.add(step)
                step += 1
