"""The whole of it, deployed; an MLflow server on it; and a store to compare it with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.deployed.lacking import lacking
from tests.deployed.ministack import OPERATOR, running_ministack
from tests.deployed.stack import TABLE, Stack, deploy, wait_until
from tests.deployed.workload import create_experiments, work_one_by_one, work_side_by_side
from tests.e2e.mlflow_server import MlflowServer

DRAIN_SECONDS = 120.0


@dataclass(frozen=True)
class Deployment:
    """A server in stream mode on the deployed table (``streamed``), and a store in a file that
    keeps its projections itself (``inline``), after the same work."""

    stack: Stack
    streamed: str
    inline: str
    drained_seconds: float

    def drain(self) -> float:
        """Wait until the projections lack nothing; how long that took (s)."""
        return wait_until(lambda: not lacking(self.stack.table), DRAIN_SECONDS, "drained")


@pytest.fixture(scope="module")
def deployment(
    built_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """All of it, when the clients have done their work and the stream has drained."""
    folder = tmp_path_factory.mktemp("deployed")
    inline = f"dynamodb:///{folder / 'inline.ddb'}"
    with running_ministack(folder) as url, pytest.MonkeyPatch.context() as environment:
        for name, value in OPERATOR.items():
            environment.setenv(name, value)
        stack = deploy(url, built_template)
        environment.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        environment.setenv("MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS", "description")
        create_experiments(MlflowClient(inline))
        work_one_by_one(inline)
        environment.setenv("MLFLOW_DYNAMODB_PROJECTIONS", "stream")
        server = MlflowServer(f"dynamodb://{url}/{TABLE}", folder)
        try:
            server.start()
            create_experiments(MlflowClient(server.url))
            work_side_by_side(server.url)
            environment.delenv("MLFLOW_DYNAMODB_PROJECTIONS")
            deployment = Deployment(stack, server.url, inline, 0.0)
            yield Deployment(stack, server.url, inline, deployment.drain())
        finally:
            server.kill()
            stack.table.close()
