"""Everything a client sees of a store, as plain values that can be compared."""

from __future__ import annotations

from typing import Any

from mlflow import MlflowClient
from mlflow.entities import FileInfo, LoggedModel, Run, ViewType


def history(client: MlflowClient, run_id: str, key: str) -> list[tuple[int, int, float]]:
    """All points of a metric as (step, time in ms, value), over as many pages as there are."""
    points = [(m.step, m.timestamp, m.value) for m in client.get_metric_history(run_id, key)]
    return sorted(points)


def files(client: MlflowClient, run_id: str, folder: str | None = None) -> dict[str, int]:
    """Size in bytes of each artifact of a run, by path."""
    found: dict[str, int] = {}
    entry: FileInfo
    for entry in client.list_artifacts(run_id, folder):
        if entry.is_dir:
            found |= files(client, run_id, entry.path)
        else:
            found[entry.path] = entry.file_size
    return found


def everything(client: MlflowClient) -> dict[str, Any]:
    """Experiments, runs with their histories and artifacts, and logged models, by id."""
    experiments = list(client.search_experiments(view_type=ViewType.ALL))
    ids = [experiment.experiment_id for experiment in experiments]
    runs = list(client.search_runs(ids, run_view_type=ViewType.ALL, max_results=1_000))
    models = list(client.search_logged_models(ids))
    return {
        "experiments": {experiment.experiment_id: dict(experiment) for experiment in experiments},
        "runs": {run.info.run_id: _run(client, run) for run in runs},
        "models": {model.model_id: _model(model) for model in models},
    }


def _run(client: MlflowClient, run: Run) -> dict[str, Any]:
    run_id = run.info.run_id
    plain: dict[str, Any] = run.to_dictionary()
    # NaN is not equal to itself; its text is.
    plain["data"]["metrics"] = {key: repr(value) for key, value in run.data.metrics.items()}
    plain["history"] = {key: repr(history(client, run_id, key)) for key in sorted(run.data.metrics)}
    plain["artifacts"] = files(client, run_id)
    return plain


def _model(model: LoggedModel) -> dict[str, Any]:
    plain: dict[str, Any] = model.to_dictionary()
    if model.metrics:
        plain["metrics"] = [(m.key, m.value, m.step, m.timestamp) for m in model.metrics]
    return plain
