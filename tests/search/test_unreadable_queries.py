"""Filters and orders over which MLflow's parsers stumble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, refused

INVALID = "INVALID_PARAMETER_VALUE"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as store:
        yield store


@pytest.mark.parametrize("order", ['metrics.`x"y`', 'tags."x`y" DESC'])
def test_an_order_with_an_open_quote(store: DynamoTrackingStore, order: str) -> None:
    with refused(INVALID) as refusal:
        store.search_runs(["0"], "", ViewType.ALL, order_by=[order])

    assert repr(order) in refusal.value.message


@pytest.mark.parametrize("query", ["run_id IN (a)", "run_id IN (NULL)"])
def test_a_filter_with_a_list_of_bare_words(store: DynamoTrackingStore, query: str) -> None:
    with refused(INVALID) as refusal:
        store.search_runs(["0"], query, ViewType.ALL)

    assert query in refusal.value.message


def test_a_filter_of_experiments_with_one(store: DynamoTrackingStore) -> None:
    with refused(INVALID):
        store.search_experiments(filter_string="experiment_id IN (a)")
