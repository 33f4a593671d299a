"""A classic training script. It uses MLflow alone; MLFLOW_TRACKING_URI names where it logs.

Prints, as its last line, a JSON object of what it has logged.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import mlflow
from matplotlib.figure import Figure
from mlflow.entities import Metric, Param, RunTag
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

EXPERIMENT = "breast cancer"
STEPS = 10_000
FLUENT_STEPS = 50
ASYNC_STEPS = 60


def loss(step: int) -> float:
    return math.exp(-step / 2_000) + 0.05 * math.sin(step / 50)


def search_hyper_parameters() -> dict[str, Any]:
    """A grid search that autologging turns into a parent run with a child for each candidate."""
    features, labels = load_wine(return_X_y=True, as_frame=True)
    with mlflow.start_run(run_name="grid search") as run:
        depths = {"max_depth": [1, 2, 4]}
        search = GridSearchCV(DecisionTreeClassifier(random_state=0), depths, cv=3)
        search.fit(features, labels)
    return {
        "run_id": run.info.run_id,
        "best_depth": search.best_params_["max_depth"],
        "candidates": 3,
    }


def search_by_hand() -> dict[str, Any]:
    """Nested runs as one writes them oneself: a child for each value, the best kept on top."""
    features, labels = load_breast_cancer(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features, labels, random_state=0)
    scores: dict[str, float] = {}
    mlflow.sklearn.autolog(log_models=False)
    with mlflow.start_run(run_name="by hand", description="Which C is best?") as parent:
        for c in (0.01, 1.0, 100.0):
            with mlflow.start_run(run_name=f"C={c}", nested=True) as child:
                mlflow.log_param("C", c)
                scaler = StandardScaler().fit(train_x)
                model = LogisticRegression(C=c, max_iter=1_000)
                model.fit(scaler.transform(train_x), train_y)
                scores[child.info.run_id] = model.score(scaler.transform(test_x), test_y)
                mlflow.log_metric("accuracy", scores[child.info.run_id])
        best = max(scores, key=lambda run_id: scores[run_id])
        mlflow.set_tag("best", best)
        mlflow.log_metric("best_accuracy", scores[best])
        mlflow.log_metrics({"nan": math.nan, "inf": math.inf, "-inf": -math.inf})
    return {"run_id": parent.info.run_id, "scores": scores, "best": best}


def train() -> dict[str, Any]:
    """One long run: a model, a figure, a table, many steps, system metrics, async logging."""
    frame, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    client = mlflow.MlflowClient()
    with mlflow.start_run(run_name="training", log_system_metrics=True) as run:
        run_id = run.info.run_id
        dataset = mlflow.data.from_pandas(frame.assign(label=labels), targets="label", name="all")
        mlflow.log_input(dataset, context="training")
        train_x, test_x, train_y, test_y = train_test_split(frame, labels, random_state=0)
        scaler = StandardScaler().set_output(transform="pandas").fit(train_x)
        model = LogisticRegression(max_iter=1_000).fit(scaler.transform(train_x), train_y)

        confusion = ConfusionMatrixDisplay.from_estimator(model, scaler.transform(test_x), test_y)
        assert isinstance(confusion.figure_, Figure)
        mlflow.log_figure(confusion.figure_, "plots/confusion.png")
        plt.close("all")
        predictions = model.predict(scaler.transform(test_x))
        mlflow.log_table(
            {"label": test_y.tolist(), "prediction": predictions.tolist()}, "predictions.json"
        )
        logged = mlflow.sklearn.log_model(
            model,
            name="classifier",
            signature=infer_signature(train_x, predictions),
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )

        began = int(time.time() * 1_000)
        points = [Metric("loss", loss(step), began + step, step) for step in range(STEPS)]
        for first in range(0, STEPS, 1_000):
            client.log_batch(run_id, metrics=points[first : first + 1_000])
        client.log_batch(
            run_id,
            params=[Param(f"layer.{n}.units", str(n)) for n in range(50)],
            tags=[RunTag("team", "oncology"), RunTag("note", "größer ist nicht besser 🙂")],
        )
        for step in range(FLUENT_STEPS):
            mlflow.log_metric("learning_rate", 0.1 / (step + 1), step=step)

        for step in range(ASYNC_STEPS):
            mlflow.log_metric("async_loss", loss(step), step=step, synchronous=False)
        mlflow.log_params({"async.a": "1", "async.b": "2"}, synchronous=False)
        mlflow.set_tag("async", "yes", synchronous=False)
        mlflow.flush_async_logging()
    return {"run_id": run_id, "model_id": logged.model_id, "rows": len(test_y)}


def main() -> None:
    mlflow.set_experiment(EXPERIMENT)
    mlflow.set_experiment_tag("project", "screening")
    mlflow.set_system_metrics_sampling_interval(0.5)
    mlflow.set_system_metrics_samples_before_logging(1)
    mlflow.autolog(silent=False)
    done = {
        "grid": search_hyper_parameters(),
        "by_hand": search_by_hand(),
        "training": train(),
    }
    print(json.dumps(done))


if __name__ == "__main__":
    main()
