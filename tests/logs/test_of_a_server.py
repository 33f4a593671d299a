"""What a real ``mlflow server`` logs."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.e2e.mlflow_server import MlflowServer

WORKERS = 2


@pytest.mark.e2e
def test_each_start_is_logged_once_with_any_number_of_workers(tmp_path: Path) -> None:
    server = MlflowServer(f"dynamodb:///{tmp_path}/store.ddb", tmp_path)
    try:
        for starts in (1, 2):
            server.start(WORKERS)
            for _ in range(5 * WORKERS):
                answer = requests.get(
                    f"{server.url}/api/2.0/mlflow/registered-models/search", timeout=30
                )
                assert answer.ok
            assert server.log.count("event=started") == starts
            server.kill()
    finally:
        server.kill()
