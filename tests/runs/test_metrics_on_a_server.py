"""Metrics and batches on a DynamoDB-compatible server: the cases of the embedded engine again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.conftest import new_table_name
from tests.runs.test_log_batch import TestParams, TestWhatIsLogged
from tests.runs.test_metrics import TestHistory, TestLatest
from tests.runs.test_metrics_concurrency import TestDeath, TestThreads
from tests.runs.test_metrics_of_models import TestAlone, TestInBatches
from tests.tracking.stores import new_run, store_on

__all__ = [
    "TestAlone",
    "TestDeath",
    "TestHistory",
    "TestInBatches",
    "TestLatest",
    "TestParams",
    "TestThreads",
    "TestWhatIsLogged",
]


@pytest.fixture(scope="module")
def store(dynoxide_endpoint: str) -> Iterator[DynamoTrackingStore]:
    table = DynamoDBTable(new_table_name(), endpoint_url=dynoxide_endpoint)
    table.create()
    yield store_on(table, Path("/artifacts"))
    table.close()


@pytest.fixture
def run_id(store: DynamoTrackingStore) -> str:
    return new_run(store)


@pytest.fixture
def model_id(store: DynamoTrackingStore) -> str:
    model_id: str = store.create_logged_model("0", "model").model_id
    return model_id
