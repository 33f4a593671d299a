"""What datasets cost in requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import new_run, store_on

TRAIN = DatasetInput(
    Dataset("iris", "d1", "s3", "s3://iris", "{}", "{}"), [InputTag("mlflow.data.context", "train")]
)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    yield table
    table.close()


def metered(table: SqliteTable, folder: Path) -> tuple[DynamoTrackingStore, Meter]:
    meter = Meter()
    return store_on(CountingTable(table, meter), folder), meter


def test_a_run_with_a_dataset_is_read_in_one_more_request_and_then_in_none_more(
    table: SqliteTable, tmp_path: Path
) -> None:
    run_id = new_run(writer := metered(table, tmp_path)[0])
    writer.log_inputs(run_id, [TRAIN])
    bare = new_run(writer)
    reader, meter = metered(table, tmp_path)
    reader.get_run(bare)
    meter.take()

    reader.get_run(bare)
    without = meter.take().total_requests
    reader.get_run(run_id)
    cold = meter.take().total_requests
    reader.get_run(run_id)
    warm = meter.take().total_requests

    assert (cold - without, warm - without) == (1, 0)


def test_a_known_dataset_is_logged_in_one_read_and_one_write(
    table: SqliteTable, tmp_path: Path
) -> None:
    store, meter = metered(table, tmp_path)
    store.log_inputs(new_run(store), [TRAIN])
    run_id = new_run(store)
    meter.take()

    store.log_inputs(run_id, [TRAIN])

    assert meter.take().requests == {"BatchGetItem": 1, "PutItem": 1}
