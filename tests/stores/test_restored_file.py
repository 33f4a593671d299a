"""A backup is restored under a running store: what the store remembers is of the file before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dynamodbstore_events.keys import run_pk
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
    ErrorCode,
)
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import new_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    store = build_tracking_store(f"dynamodb:///{tmp_path}/mlflow.ddb", str(tmp_path))
    yield store
    store._table.close()


def code_of(error: MlflowException) -> int:
    return int(ErrorCode.Value(error.error_code))


def test_log_metric_forgets_a_run_that_the_restored_file_has_not(
    store: DynamoTrackingStore, tmp_path: Path
) -> None:
    # Given a backup, and a run that was made after it and is remembered
    file, backup = tmp_path / "mlflow.ddb", tmp_path / "backup.ddb"
    kept = new_run(store)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    lost = new_run(store)
    store.log_metric(lost, Metric("loss", 1.0, 1, 1))

    # When the backup is restored
    backup.rename(file)

    # Then the next call is refused, with the reason
    with pytest.raises(MlflowException, match="another file was put in the place of") as refused:
        store.log_metric(lost, Metric("loss", 2.0, 2, 2))
    assert code_of(refused.value) == TEMPORARILY_UNAVAILABLE
    # And from then on the store is the backup's: nothing is written below a run that is not there
    with pytest.raises(MlflowException, match="not found") as missing:
        store.log_metric(lost, Metric("loss", 2.0, 2, 2))
    assert code_of(missing.value) == RESOURCE_DOES_NOT_EXIST
    assert list(store._table.query_all(run_pk(lost))) == []
    store.log_metric(kept, Metric("loss", 3.0, 3, 3))
    assert store.get_run(kept).data.metrics == {"loss": 3.0}
