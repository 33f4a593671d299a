"""MLflow's own SQL store, for the ratios: opened, and filled in bulk."""

from __future__ import annotations

import uuid

from fixtures import RunContent
from mlflow.entities import RunStatus
from mlflow.store.tracking.dbmodels.models import (
    SqlLatestMetric,
    SqlMetric,
    SqlParam,
    SqlRun,
    SqlTag,
)
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from operation import Store

_RUNS_A_COMMIT = 500


def open_sql_store(uri: str, artifact_root: str) -> Store:
    """MLflow's SQL store at a URI such as ``sqlite:///file.db``, its schema made if missing."""
    return SqlAlchemyStore(uri, artifact_root)


def seed_sql(store: Store, experiment_id: str, runs: list[RunContent]) -> None:
    """Insert the rows that creating, logging and ending the runs would leave, many at a time."""
    for first in range(0, len(runs), _RUNS_A_COMMIT):
        _insert(store, experiment_id, runs[first : first + _RUNS_A_COMMIT])


def _insert(store: Store, experiment_id: str, runs: list[RunContent]) -> None:
    location = store.get_experiment(experiment_id).artifact_location
    run_rows, tag_rows, param_rows, metric_rows = [], [], [], []
    for content in runs:
        run_id = uuid.uuid4().hex
        name = f"run {run_id[:8]}"
        run_rows.append(
            {
                "run_uuid": run_id,
                "name": name,
                "user_id": "ada",
                "status": RunStatus.to_string(RunStatus.FINISHED),
                "start_time": content.start_time,
                "end_time": content.end_time,
                "artifact_uri": f"{location}/{run_id}/artifacts",
                "experiment_id": int(experiment_id),
                # What the store itself writes into columns that nothing uses any more.
                "source_type": "UNKNOWN",
                "source_name": "",
                "entry_point_name": "",
                "source_version": "",
            }
        )
        tags = {**content.tags, "mlflow.runName": name}
        tag_rows += [{"run_uuid": run_id, "key": k, "value": v} for k, v in tags.items()]
        param_rows += [
            {"run_uuid": run_id, "key": k, "value": v} for k, v in content.params.items()
        ]
        metric_rows += [
            {
                "run_uuid": run_id,
                "key": key,
                "value": value,
                "timestamp": content.end_time,
                "step": 0,
                "is_nan": False,
            }
            for key, value in content.metrics.items()
        ]
    with store.ManagedSessionMaker(read_only=False) as session:
        session.bulk_insert_mappings(SqlRun, run_rows)
        session.bulk_insert_mappings(SqlTag, tag_rows)
        session.bulk_insert_mappings(SqlParam, param_rows)
        session.bulk_insert_mappings(SqlMetric, metric_rows)
        session.bulk_insert_mappings(SqlLatestMetric, metric_rows)
