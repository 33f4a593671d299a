"""Queries of a store after the clients' work, and its answers without ids and paths."""

from __future__ import annotations

from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

RUN_FILTERS = (
    "",
    "attributes.run_name LIKE '%owl%'",
    "attributes.run_name ILIKE '%ËLCH-1%'",
    "attributes.run_name LIKE 'renamed-%'",
    "attributes.run_name LIKE '%lynx'",
    "attributes.run_name = 'heron-2-4'",
    "attributes.run_name LIKE 'ox-%_2'",
    "attributes.status = 'FAILED'",
    "tags.`mlflow.source.name` = 'train_1.py'",
    "tags.`mlflow.source.name` LIKE 'evaluate%'",
    "tags.`mlflow.source.name` LIKE 'late%' AND tags.reviewed = 'yes'",
    "tags.`mlflow.note.content` LIKE '%client 2: mole%'",
    "tags.team = 'team-1' AND metrics.rmse < 0.1",
    "params.depth = '3' AND tags.team != 'team-0'",
)
ORDERS: tuple[list[str], ...] = ([], ["metrics.rmse ASC"], ["tags.team DESC", "start_time ASC"])
VIEWS = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}
EXPERIMENT_FILTERS = ("", "name LIKE '%demand%'", "name ILIKE 'FORECAST%'", "tags.team = 'team-2'")
MODEL_FILTERS = (
    "",
    "name LIKE '%owl%'",
    "name ILIKE '%ËLCH CLASS%'",
    "name LIKE 'renamed%'",
    "name LIKE '%lynx%'",
    "name LIKE '%heron%' AND tags.team = 'team-2'",
    "name LIKE '%classifier _-4'",
    "tags.team != 'team-0'",
)
VERSION_FILTERS = ("", "name LIKE '%lynx%'", "name ILIKE '%NEWT%'")
_PAGE = 30
_MODELS_PAGE = 5


def answers(tracking_uri: str) -> dict[str, list[Any]]:
    """The answer to every question, by the question."""
    client = MlflowClient(tracking_uri)
    experiments = [found.experiment_id for found in client.search_experiments(ViewType.ALL)]
    found: dict[str, list[Any]] = {}
    for name, view in VIEWS.items():
        for text in EXPERIMENT_FILTERS:
            found[f"{name} experiments: {text}"] = [
                (experiment.name, experiment.lifecycle_stage, experiment.tags)
                # Two that one store made in the same millisecond come in the order of their ids.
                for experiment in client.search_experiments(
                    view, filter_string=text, order_by=["name ASC"]
                )
            ]
        for text in RUN_FILTERS:
            question = f"{name} runs: {text}"
            found[question] = _runs(client, experiments, text, view, [])
    for order in ORDERS:
        found[f"all runs by {order}"] = _runs(client, experiments, "", ViewType.ALL, order)
    for text in MODEL_FILTERS:
        found[f"models: {text}"] = _models(client, text)
    for text in VERSION_FILTERS:
        found[f"versions: {text}"] = sorted(
            (version.name, int(version.version), version.source)
            for version in client.search_model_versions(text)
        )
    return found


def _models(client: MlflowClient, text: str) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_registered_models(text, _MODELS_PAGE, None, token)
        found += [
            (
                model.name,
                model.description or "",  # Over HTTP there is no None.
                model.tags,
                [int(v.version) for v in model.latest_versions],
            )
            for model in page
        ]
        token = page.token
        if not token:
            return found


def _runs(
    client: MlflowClient, experiments: list[str], text: str, view: str, order: list[str]
) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_runs(experiments, text, view, _PAGE, order, token)
        found += map(_plain, page)
        token = page.token
        if not token:
            return found


def _plain(run: Run) -> Any:
    info, data = run.info, run.data
    return (
        (info.run_name, info.status, info.lifecycle_stage, info.start_time, info.end_time),
        (data.params, data.metrics, data.tags),
    )
