"""Experiment 0: there from the start, and never made twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.entities import LifecycleStage
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import new_run


def opened(folder: Path) -> DynamoTrackingStore:
    """The store on the folder's file, as a server builds it when it starts."""
    return build_tracking_store(f"dynamodb:///{folder}/store.ddb", str(folder / "artifacts"))


def test_a_new_store_has_it(tmp_path: Path) -> None:
    experiment = opened(tmp_path).get_experiment("0")

    assert (experiment.experiment_id, experiment.name) == ("0", "Default")
    assert experiment.artifact_location == f"{tmp_path}/artifacts/0"


def test_default_experiment_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.rename_experiment("0", "Mine")
    run_id = new_run(first)

    second = opened(tmp_path)

    assert dict(second.get_experiment("0")) == dict(first.get_experiment("0"))
    assert second.get_run(run_id).info.experiment_id == "0"
    assert second.get_experiment_by_name("Default") is None


def test_a_deleted_one_stays_deleted_after_a_restart(tmp_path: Path) -> None:
    opened(tmp_path).delete_experiment("0")

    assert opened(tmp_path).get_experiment("0").lifecycle_stage == LifecycleStage.DELETED


def test_the_server_s_artifact_root_counts_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "s3://bucket/root")

    store = build_tracking_store(f"dynamodb:///{tmp_path}/store.ddb")

    assert store.get_experiment("0").artifact_location == "s3://bucket/root/0"


def test_without_any_root_artifacts_lie_in_mlruns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("_MLFLOW_SERVER_ARTIFACT_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)

    store = build_tracking_store("dynamodb:///store.ddb")

    assert store.get_experiment("0").artifact_location == f"{tmp_path}/mlruns/0"
    assert (tmp_path / "store.ddb").exists()
