"""``mlflow gc`` itself, on a file of ours with artifacts on disk."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from mlflow.cli import cli
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    found = f"dynamodb:///{tmp_path / 'mlflow.ddb'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found)
    return found


def gc(uri: str, *options: str) -> Result:
    return CliRunner().invoke(cli, ["gc", "--backend-store-uri", uri, *options])


def run_with_artifact(client: MlflowClient, experiment_id: str) -> tuple[str, Path]:
    run = client.create_run(experiment_id)
    client.log_text(run.info.run_id, "hello", "hello.txt")
    place = Path(mlflow.artifacts.download_artifacts(run.info.artifact_uri))
    return run.info.run_id, place


def model_with_artifact(
    client: MlflowClient, experiment_id: str, tmp_path: Path
) -> tuple[str, Path]:
    model = client.create_logged_model(experiment_id, "net")
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"1")
    get_artifact_repository(model.artifact_location).log_artifact(str(weights))
    return model.model_id, Path(mlflow.artifacts.download_artifacts(model.artifact_location))


def test_gc_removes_deleted_runs_models_and_experiments_with_their_artifacts(
    uri: str, tmp_path: Path
) -> None:
    client = MlflowClient(uri)
    kept, gone = client.create_experiment("kept"), client.create_experiment("gone")
    kept_run, kept_artifacts = run_with_artifact(client, kept)
    deleted_run, deleted_artifacts = run_with_artifact(client, kept)
    lost_run, lost_artifacts = run_with_artifact(client, gone)
    deleted_model, model_artifacts = model_with_artifact(client, kept, tmp_path)
    client.delete_run(deleted_run)
    client.delete_logged_model(deleted_model)
    client.delete_experiment(gone)

    result = gc(uri)

    assert result.exit_code == 0, result.output
    assert f"Run with ID {deleted_run} has been permanently deleted" in result.output
    assert f"Run with ID {lost_run} has been permanently deleted" in result.output
    assert f"Logged model with ID {deleted_model} has been permanently deleted" in result.output
    assert f"Experiment with ID {gone} has been permanently deleted" in result.output
    for place in (deleted_artifacts, lost_artifacts, model_artifacts):
        assert not list(place.glob("*"))
    assert [f.name for f in kept_artifacts.iterdir()] == ["hello.txt"]
    assert client.get_run(kept_run).info.experiment_id == kept
    for run_id in (deleted_run, lost_run):
        with pytest.raises(MlflowException, match="not found"):
            client.get_run(run_id)
    assert client.get_experiment_by_name("gone") is None


def test_gc_leaves_what_was_deleted_too_recently(uri: str) -> None:
    client = MlflowClient(uri)
    gone = client.create_experiment("gone")
    run_id, artifacts = run_with_artifact(client, gone)
    client.delete_experiment(gone)

    result = gc(uri, "--older-than", "1d")

    assert result.exit_code == 0, result.output
    assert list(artifacts.iterdir())
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"


def test_gc_refuses_a_run_that_is_in_use(uri: str) -> None:
    client = MlflowClient(uri)
    run_id, artifacts = run_with_artifact(client, "0")

    result = gc(uri, "--run-ids", run_id)

    assert isinstance(result.exception, MlflowException)
    assert "is not in `deleted` lifecycle stage" in str(result.exception)
    assert list(artifacts.iterdir())


def test_gc_refuses_a_model_that_is_in_use(uri: str, tmp_path: Path) -> None:
    client = MlflowClient(uri)
    model_id, artifacts = model_with_artifact(client, "0", tmp_path)

    result = gc(uri, "--logged-model-ids", model_id)

    assert isinstance(result.exception, MlflowException)
    assert client.get_logged_model(model_id).name == "net"
    assert list(artifacts.iterdir())
