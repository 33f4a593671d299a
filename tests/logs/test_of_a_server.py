"""What the log of a real ``mlflow server`` tells."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.e2e.mlflow_server import MlflowServer

WORKERS = 2


@pytest.mark.e2e
def test_each_start_is_told_once_however_many_workers_there_are(tmp_path: Path) -> None:
    server = MlflowServer(f"dynamodb:///{tmp_path}/store.ddb", tmp_path)
    try:
        for starts in (1, 2):
            server.start(WORKERS)
            for _ in range(5 * WORKERS):
                asked = requests.get(
                    f"{server.url}/api/2.0/mlflow/registered-models/search", timeout=30
                )
                assert asked.ok
            assert server.log.count("event=started") == starts
            server.kill()
    finally:
        server.kill()
