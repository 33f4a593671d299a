"""What the pages of MLflow's UI ask of a server, seen in a browser's requests, is answered."""

from __future__ import annotations

from typing import Any

import requests

from tests.e2e.conftest import Logged
from tests.e2e.training_script import STEPS

RUN_PAGE = """
query GetRun($run: MlflowGetRunInput!) {
  mlflowGetRun(input: $run) {
    apiError { code message }
    run {
      info { runId runName status experimentId }
      experiment { experimentId name }
      data { metrics { key value step } params { key value } tags { key value } }
      inputs { datasetInputs { dataset { name digest } tags { key value } } }
      outputs { modelOutputs { modelId step } }
      modelVersions { name version }
    }
  }
}
"""


def get(logged: Logged, path: str, **params: Any) -> Any:
    answer = requests.get(f"{logged.tracking_uri}/ajax-api/{path}", params, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(logged: Logged, path: str, body: dict[str, Any]) -> Any:
    answer = requests.post(f"{logged.tracking_uri}/{path}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


class UiPages:
    """Test cases of a home that has a server, for a test class to inherit."""

    def test_the_list_of_experiments(self, logged: Logged) -> None:
        listed = get(
            logged,
            "2.0/mlflow/experiments/search",
            max_results=25,
            order_by="last_update_time DESC",
            filter="tags.`mlflow.experiment.isGateway` IS NULL",
        )

        assert [experiment["name"] for experiment in listed["experiments"]] == [
            logged.experiment.name,
            "Default",
        ]

    def test_the_first_page_of_an_experiment(self, logged: Logged) -> None:
        traces = post(
            logged,
            "ajax-api/3.0/mlflow/traces/metrics",
            {
                "experiment_ids": [logged.experiment.experiment_id],
                "view_type": "TRACES",
                "metric_name": "trace_count",
                "aggregations": [{"aggregation_type": "COUNT"}],
            },
        )

        assert [point["values"] for point in traces["data_points"]] == [{"COUNT": 0}]

    def test_the_table_of_runs(self, logged: Logged) -> None:
        experiment_id = logged.experiment.experiment_id

        runs = post(
            logged,
            "ajax-api/2.0/mlflow/runs/search",
            {
                "experiment_ids": [experiment_id],
                "order_by": ["attributes.start_time DESC"],
                "run_view_type": "ACTIVE_ONLY",
                "max_results": 100,
            },
        )["runs"]
        datasets = post(
            logged,
            "ajax-api/2.0/mlflow/experiments/search-datasets",
            {"experiment_ids": [experiment_id]},
        )["dataset_summaries"]

        assert runs[0]["info"]["run_name"] == "training"
        assert ("all", "training") in {(entry["name"], entry["context"]) for entry in datasets}

    def test_the_page_of_a_run(self, logged: Logged) -> None:
        training = logged.results["training"]

        page = post(
            logged,
            "graphql",
            {"query": RUN_PAGE, "variables": {"run": {"runId": training["run_id"]}}},
        )
        versions = get(
            logged, "2.0/mlflow/model-versions/search", filter=f"run_id='{training['run_id']}'"
        )

        run = page["data"]["mlflowGetRun"]["run"]
        assert not page.get("errors")
        assert run["info"]["runName"] == "training"
        assert run["experiment"]["name"] == logged.experiment.name
        assert training["model_id"] in {
            output["modelId"] for output in run["outputs"]["modelOutputs"]
        }
        assert versions.get("model_versions", []) == []

    def test_the_chart_of_a_long_metric(self, logged: Logged) -> None:
        sampled = get(
            logged,
            "2.0/mlflow/metrics/get-history-bulk-interval",
            run_ids=logged.results["training"]["run_id"],
            metric_key="loss",
            max_results=320,
        )["metrics"]

        steps = [point["step"] for point in sampled]
        assert (steps[0], steps[-1]) == (0, STEPS - 1)
        assert 300 <= len(steps) <= 320 + 2
        assert steps == sorted(set(steps))

    def test_the_page_of_a_model(self, logged: Logged) -> None:
        model_id = logged.results["training"]["model_id"]

        model = get(logged, f"2.0/mlflow/logged-models/{model_id}")["model"]
        registered = get(logged, "2.0/mlflow/registered-models/search", max_results=25)

        assert model["info"]["name"] == "classifier"
        assert registered.get("registered_models", []) == []

    def test_the_artifacts_of_a_run(self, logged: Logged) -> None:
        run_id = logged.results["training"]["run_id"]

        listed = get(logged, "2.0/mlflow/artifacts/list", run_uuid=run_id)["files"]
        figure = requests.get(
            f"{logged.tracking_uri}/get-artifact",
            {"path": "plots/confusion.png", "run_uuid": run_id},
            timeout=30,
        )

        assert {"plots", "predictions.json"} <= {entry["path"] for entry in listed}
        assert figure.content.startswith(b"\x89PNG")
