"""Searches of traces find none, and add up to what MLflow's SQL store returns without traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store

COUNT, AVG = MetricAggregation(AggregationType.COUNT), MetricAggregation(AggregationType.AVG)
BY_MINUTE = {"time_interval_seconds": 60, "start_time_ms": 0, "end_time_ms": 100_000}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Ours, and MLflow's SQL store, both new."""
    folder: Path = tmp_path_factory.mktemp("traces")
    return (
        build_tracking_store(f"dynamodb:///{folder / 'mlflow.ddb'}", str(folder)),
        SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}", str(folder)),
    )


@pytest.mark.parametrize(
    ("metric", "aggregation", "grouping"),
    [
        ("trace_count", COUNT, {}),
        ("trace_count", COUNT, {"dimensions": ["trace_status"]}),
        ("trace_count", COUNT, BY_MINUTE),
        ("latency", AVG, {}),
        ("latency", AVG, BY_MINUTE),
        ("trace_count", AVG, {}),
        ("no such metric", COUNT, {}),
    ],
)
def test_query_trace_metrics_without_traces_equals_the_sql_store(
    metric: str, aggregation: MetricAggregation, grouping: dict[str, Any], stores: tuple[Any, Any]
) -> None:
    def outcome(store: Any) -> Any:
        try:
            points = store.query_trace_metrics(
                ["0"], MetricViewType.TRACES, metric, [aggregation], **grouping
            )
        except MlflowException as error:
            return error.error_code, error.message
        return [(point.metric_name, point.dimensions, point.values) for point in points]

    ours, theirs = (outcome(store) for store in stores)

    assert ours == theirs
