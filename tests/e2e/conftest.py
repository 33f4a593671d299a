"""The training script's three homes: a server on a file, the file itself, a server on DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

from tests.conftest import new_table_name
from tests.e2e.mlflow_server import MlflowServer
from tests.e2e.training import Training, run_training_script
from tests.e2e.training_script import EXPERIMENT

ON_FILE = pytest.param("file", marks=pytest.mark.e2e)
ON_DYNAMODB = pytest.param("server on DynamoDB", marks=pytest.mark.e2e)
HOMES = ("server on a file", ON_FILE, ON_DYNAMODB)
SERVED = ("server on a file", ON_DYNAMODB)
KILLED = ("server on a file",)


@dataclass(frozen=True)
class Logged:
    """A store that the training script has logged to, and a client that reads it."""

    tracking_uri: str
    client: MlflowClient
    training: Training
    server: MlflowServer | None

    @property
    def results(self) -> dict[str, Any]:
        """What the script printed that it had logged."""
        return self.training.results

    @property
    def experiment(self) -> Experiment:
        """The script's experiment."""
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        assert experiment is not None
        return experiment


@pytest.fixture(scope="session", params=HOMES)
def logged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logged]:
    """The script has run to its end against this home."""
    folder = tmp_path_factory.mktemp("training")
    file_uri = f"dynamodb:///{folder / 'mlflow.ddb'}"
    with ExitStack() as stack:
        if request.param == "file":
            server, uri = None, file_uri
        else:
            # A file that several processes share is the harder case there.
            backend, workers = file_uri, 2
            if request.param == "server on DynamoDB":
                endpoint: str = request.getfixturevalue("dynoxide_endpoint")
                backend = f"dynamodb://{endpoint.removeprefix('http://')}/{new_table_name()}"
                workers = 1
            server = MlflowServer(backend, folder)
            stack.callback(server.kill)
            server.start(workers)
            uri = server.url
        training = run_training_script(uri, folder)
        yield Logged(uri, MlflowClient(uri), training, server)


@pytest.fixture
def tracking_uri(logged: Logged) -> Iterator[str]:
    """The home as the process's own tracking URI, for calls that take none."""
    with _use_tracking_uri(logged.tracking_uri):
        yield logged.tracking_uri
