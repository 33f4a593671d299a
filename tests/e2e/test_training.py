"""An unmodified training script, in each home its runs can have: all that it logged is there."""

from __future__ import annotations

import math
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import LoggedModelStatus, Run

from tests.e2e.acknowledged import AcknowledgedPoints
from tests.e2e.conftest import KILLED, SERVED, Logged
from tests.e2e.snapshot import everything, files, history
from tests.e2e.training import lines_of_ours
from tests.e2e.training_script import ASYNC_STEPS, FLUENT_STEPS, STEPS, loss
from tests.e2e.ui_pages import UiPages


@pytest.fixture
def run(logged: Logged) -> Run:
    """The script's long run."""
    return logged.client.get_run(logged.results["training"]["run_id"])


def children(logged: Logged, run_id: str) -> dict[str, Run]:
    found = logged.client.search_runs(
        [logged.experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'"
    )
    return {child.info.run_id: child for child in found}


def test_the_script_prints_no_warning_of_ours(logged: Logged) -> None:
    assert lines_of_ours(logged.training.output) == []


@pytest.mark.parametrize("logged", SERVED, indirect=True, scope="session")
def test_the_server_prints_no_warning_of_ours(logged: Logged) -> None:
    assert logged.server is not None
    assert lines_of_ours(logged.server.log) == []


def test_the_experiment_has_its_tag_and_every_run(logged: Logged) -> None:
    runs = logged.client.search_runs([logged.experiment.experiment_id])

    # Two searches of a parent and three children each, and the long run.
    assert len(runs) == 9
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert logged.experiment.tags["project"] == "screening"


def test_autologging_made_a_child_of_each_candidate(logged: Logged) -> None:
    grid = logged.results["grid"]

    depths = {child.data.params["max_depth"] for child in children(logged, grid["run_id"]).values()}

    parent = logged.client.get_run(grid["run_id"])
    assert depths == {"1", "2", "4"}
    assert parent.data.params["best_max_depth"] == str(grid["best_depth"])
    assert "best_cv_score" in parent.data.metrics


def test_nested_runs_have_their_scores(logged: Logged) -> None:
    by_hand = logged.results["by_hand"]

    found = children(logged, by_hand["run_id"])

    assert {run_id: child.data.metrics["accuracy"] for run_id, child in found.items()} == (
        by_hand["scores"]
    )
    parent = logged.client.get_run(by_hand["run_id"])
    assert parent.data.tags["best"] == by_hand["best"]
    assert parent.data.tags["mlflow.note.content"] == "Which C is best?"


def test_a_search_by_metric_finds_the_best_first(logged: Logged) -> None:
    by_hand = logged.results["by_hand"]

    best = logged.client.search_runs(
        [logged.experiment.experiment_id],
        "metrics.accuracy > 0 and attributes.run_name LIKE 'C=%'",
        order_by=["metrics.accuracy DESC"],
        max_results=1,
    )

    assert [run.info.run_id for run in best] == [by_hand["best"]]


def test_every_step_of_a_long_metric_is_there(logged: Logged, run: Run) -> None:
    points = history(logged.client, run.info.run_id, "loss")

    assert [(step, value) for step, _, value in points] == [(s, loss(s)) for s in range(STEPS)]
    assert run.data.metrics["loss"] == loss(STEPS - 1)


def test_fluent_points_are_there(logged: Logged, run: Run) -> None:
    points = history(logged.client, run.info.run_id, "learning_rate")

    assert [value for _, _, value in points] == [0.1 / (s + 1) for s in range(FLUENT_STEPS)]


def test_values_that_are_no_numbers_are_there(logged: Logged) -> None:
    metrics = logged.client.get_run(logged.results["by_hand"]["run_id"]).data.metrics

    assert math.isnan(metrics["nan"])
    # MLflow's stores hold the largest doubles in place of the infinities.
    assert metrics["inf"] > 1e308
    assert metrics["-inf"] < -1e308


def test_points_params_and_tags_logged_asynchronously_are_there(logged: Logged, run: Run) -> None:
    points = history(logged.client, run.info.run_id, "async_loss")

    assert [(step, value) for step, _, value in points] == [
        (s, loss(s)) for s in range(ASYNC_STEPS)
    ]
    assert {key: run.data.params[key] for key in ("async.a", "async.b")} == {
        "async.a": "1",
        "async.b": "2",
    }
    assert run.data.tags["async"] == "yes"


def test_params_and_tags_of_a_batch_are_there(run: Run) -> None:
    assert {f"layer.{n}.units": str(n) for n in range(50)}.items() <= run.data.params.items()
    assert run.data.tags["note"] == "größer ist nicht besser 🙂"


def test_system_metrics_are_there(logged: Logged, run: Run) -> None:
    assert "system/cpu_utilization_percentage" in run.data.metrics
    assert history(logged.client, run.info.run_id, "system/system_memory_usage_megabytes")


def test_the_data_set_is_an_input_of_the_run(run: Run) -> None:
    assert run.inputs is not None

    contexts = {
        (entry.dataset.name, tag.value) for entry in run.inputs.dataset_inputs for tag in entry.tags
    }

    assert ("all", "training") in contexts


def test_the_figure_and_the_table_come_back(
    logged: Logged, run: Run, tracking_uri: str, tmp_path: Path
) -> None:
    paths = files(logged.client, run.info.run_id)
    figure = Path(
        logged.client.download_artifacts(run.info.run_id, "plots/confusion.png", str(tmp_path))
    )
    table = logged.client.load_table(
        run.info.experiment_id, "predictions.json", run_ids=[run.info.run_id]
    )

    assert {"plots/confusion.png", "predictions.json"} <= set(paths)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert len(table) == logged.results["training"]["rows"]


def test_the_logged_model_predicts(logged: Logged, tracking_uri: str) -> None:
    model_id = logged.results["training"]["model_id"]

    model = logged.client.get_logged_model(model_id)
    classifier = mlflow.sklearn.load_model(f"models:/{model_id}")

    assert model.status == LoggedModelStatus.READY
    assert model.source_run_id == logged.results["training"]["run_id"]
    assert sorted(classifier.classes_) == [0, 1]


def test_the_models_of_the_experiment_are_found(logged: Logged) -> None:
    models = logged.client.search_logged_models(
        [logged.experiment.experiment_id], filter_string="name = 'classifier'"
    )

    assert [model.model_id for model in models] == [logged.results["training"]["model_id"]]


@pytest.mark.parametrize("logged", SERVED, indirect=True, scope="session")
class TestUiPages(UiPages):
    """In this file, so that the script's runs serve these tests too, however tests are spread."""


@pytest.mark.parametrize("logged", KILLED, indirect=True, scope="session")
def test_a_killed_server_loses_nothing(logged: Logged) -> None:
    assert logged.server is not None
    client = logged.client
    before = everything(client)
    run_id = client.create_run(logged.experiment.experiment_id).info.run_id

    with AcknowledgedPoints(logged.server.url, run_id) as acknowledged:
        acknowledged.wait_for(50)
        logged.server.kill()
    logged.server.start()

    points = {step for step, _, _ in history(client, run_id, "loss")}
    client.delete_run(run_id)
    assert acknowledged.steps <= points
    # The point on its way when the server died may be there or not.
    assert len(points) <= len(acknowledged.steps) + 1
    after = everything(client)
    del after["runs"][run_id]
    assert after == before
    assert lines_of_ours(logged.server.log) == []
