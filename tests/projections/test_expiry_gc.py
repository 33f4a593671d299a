"""``mlflow gc`` and what has expired: on a file of ours, with artifacts on disk."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner, Result
from dynamodbstore_projections.expiry.sweep import remove_expired
from mlflow import MlflowClient
from mlflow.cli import cli
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow_dynamodbstore.settings import SOFT_DELETED_RETENTION_DAYS
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.projections.aging import RETENTION_DAYS, Calendar, partitions

PAST_RETENTION = RETENTION_DAYS + 1


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch)


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    found = f"dynamodb:///{tmp_path / 'mlflow.ddb'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found)
    monkeypatch.setenv(SOFT_DELETED_RETENTION_DAYS, str(RETENTION_DAYS))
    return found


@pytest.fixture
def client(uri: str) -> MlflowClient:
    return MlflowClient(uri)


def gc(uri: str, *options: str) -> Result:
    result = CliRunner().invoke(cli, ["gc", "--backend-store-uri", uri, *options])
    assert result.exit_code == 0, result.output
    return result


def store_at(uri: str) -> DynamoTrackingStore:
    """A store of its own, as another server has it."""
    return build_tracking_store(uri)


def tombstones(uri: str) -> list[str]:
    found = partitions(store_at(uri)._table)
    return [pk for pk in found if pk.startswith("EXPIRED#")]


def files_in(place: Path) -> list[str]:
    return [file.name for file in place.iterdir()] if place.exists() else []


def run_with_artifact(client: MlflowClient, experiment_id: str) -> tuple[str, Path]:
    run = client.create_run(experiment_id)
    client.log_text(run.info.run_id, "hello", "hello.txt")
    return run.info.run_id, Path(mlflow.artifacts.download_artifacts(run.info.artifact_uri))


def model_with_artifact(client: MlflowClient, experiment_id: str, folder: Path) -> tuple[str, Path]:
    model = client.create_logged_model(experiment_id, "net")
    weights = folder / "weights.bin"
    weights.write_bytes(b"1")
    get_artifact_repository(model.artifact_location).log_artifact(str(weights))
    return model.model_id, Path(mlflow.artifacts.download_artifacts(model.artifact_location))


@pytest.mark.parametrize("cleaned_up_before", [True, False])
def test_gc_deletes_the_artifacts_of_what_has_expired(
    uri: str, client: MlflowClient, calendar: Calendar, tmp_path: Path, cleaned_up_before: bool
) -> None:
    # given a run that expired, and an experiment with a run and a model
    kept, gone = client.create_experiment("kept"), client.create_experiment("gone")
    kept_run, kept_artifacts = run_with_artifact(client, kept)
    alone, artifacts_alone = run_with_artifact(client, kept)
    below, artifacts_below = run_with_artifact(client, gone)
    model, model_artifacts = model_with_artifact(client, gone, tmp_path)
    client.delete_run(alone)
    client.delete_experiment(gone)
    calendar.days_pass(PAST_RETENTION)
    if cleaned_up_before:
        store = store_at(uri)
        assert remove_expired(store._table, store._config.current, seconds=60)
    places = (artifacts_alone, artifacts_below, model_artifacts)
    assert all(files_in(place) for place in places)

    # when
    output = gc(uri).output

    # then
    for run_id in (alone, below):
        assert f"Run with ID {run_id} has been permanently deleted" in output
    assert f"Logged model with ID {model} has been permanently deleted" in output
    assert not [
        list(place.iterdir()) for place in places if place.exists() and any(place.iterdir())
    ]
    assert files_in(kept_artifacts) == ["hello.txt"]
    assert client.get_run(kept_run).info.lifecycle_stage == "active"
    assert tombstones(uri) == []
    assert "permanently deleted" not in gc(uri).output


def test_gc_heeds_the_age_of_what_has_expired(
    uri: str, client: MlflowClient, calendar: Calendar
) -> None:
    run_id, artifacts = run_with_artifact(client, "0")
    client.delete_run(run_id)
    calendar.days_pass(PAST_RETENTION)

    gc(uri, "--older-than", f"{PAST_RETENTION + 9}d")
    young = files_in(artifacts)
    gc(uri, "--older-than", f"{PAST_RETENTION - 9}d")

    assert young
    assert not files_in(artifacts)


def test_gc_deletes_an_expired_run_that_is_named_by_its_id(
    uri: str, client: MlflowClient, calendar: Calendar
) -> None:
    (asked_for, artifacts), (other, _) = (run_with_artifact(client, "0") for _ in range(2))
    client.delete_run(asked_for)
    client.delete_run(other)
    calendar.days_pass(PAST_RETENTION)

    gc(uri, "--run-ids", asked_for)

    assert not files_in(artifacts)
    assert tombstones(uri) == [f"EXPIRED#RUN#{other}"]


def test_only_the_store_that_looked_for_garbage_knows_an_expired_run(
    uri: str, client: MlflowClient, calendar: Calendar
) -> None:
    run_id = client.create_run("0").info.run_id
    client.delete_run(run_id)
    calendar.days_pass(PAST_RETENTION)
    collector, server = store_at(uri), store_at(uri)

    assert collector._get_deleted_runs() == [run_id]

    found = collector.get_run(run_id).info
    assert (found.run_id, found.lifecycle_stage, found.experiment_id) == (run_id, "deleted", "0")
    for other in (server, client):
        with pytest.raises(MlflowException, match="not found"):
            other.get_run(run_id)


def test_an_expired_model_is_listed_only_among_deleted_ones(
    uri: str, client: MlflowClient, calendar: Calendar
) -> None:
    gone = client.create_experiment("gone")
    model_id = client.create_logged_model(gone, "net").model_id
    client.delete_experiment(gone)
    calendar.days_pass(PAST_RETENTION)
    collector = store_at(uri)
    collector._get_deleted_runs()

    assert collector._get_deleted_logged_models() == [model_id]

    assert collector.get_logged_model(model_id, allow_deleted=True).model_id == model_id
    with pytest.raises(MlflowException, match="not found"):
        collector.get_logged_model(model_id)
