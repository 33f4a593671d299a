"""The requests of each operation of the model registry to DynamoDB.

``search_registered_models`` and ``search_model_versions`` have budgets at ten thousand models of
their own, in ``tests/registered_models``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.testing.counting import CountingTable, Meter, Usage
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.budgets.metered import metered_table

SOURCE = "s3://bucket/models/net"
TAGS = [ModelVersionTag("lang", "de"), ModelVersionTag("size", "1")]
Work = Callable[[DynamoRegistryStore], object]

BUDGETS: dict[str, tuple[Work, int, int]] = {
    "create_registered_model": (lambda r: r.create_registered_model("new", tags(2)), 1, 11),
    "get_registered_model": (lambda r: r.get_registered_model("net"), 2, 0),
    "get_latest_versions": (lambda r: r.get_latest_versions("net"), 2, 0),
    "update_registered_model": (lambda r: r.update_registered_model("net", "text"), 3, 2),
    "create_model_version": (lambda r: r.create_model_version("net", SOURCE, "run", TAGS), 2, 7),
    "get_model_version": (lambda r: r.get_model_version("net", 2), 1, 0),
    "get_model_version_by_alias": (lambda r: r.get_model_version_by_alias("net", "best"), 2, 0),
    "latest": (lambda r: r.get_model_version_by_alias("net", "latest"), 2, 0),
    "download_uri": (lambda r: r.get_model_version_download_uri("net", 1), 1, 0),
    "update_model_version": (lambda r: r.update_model_version("net", 1, "text"), 2, 3),
    "transition": (lambda r: r.transition_model_version_stage("net", 2, "Staging", True), 3, 11),
    "set_registered_model_alias": (lambda r: r.set_registered_model_alias("net", "a", 1), 2, 5),
    "delete_alias": (lambda r: r.delete_registered_model_alias("net", "best"), 2, 2),
    "set_registered_model_tag": (lambda r: r.set_registered_model_tag("net", tags(1)[0]), 2, 4),
    "set_model_version_tag": (lambda r: r.set_model_version_tag("net", 1, TAGS[0]), 2, 1),
    "a model that is not there": (lambda r: r._models.find("none"), 1, 0),
    "delete_model_version": (lambda r: r.delete_model_version("net", 3), 3, 7),
    "rename_registered_model": (lambda r: r.rename_registered_model("net", "new name"), 3, 9),
}


def tags(how_many: int) -> list[RegisteredModelTag]:
    return [RegisteredModelTag(f"team {n}", "red") for n in range(how_many)]


def with_a_model(registry: DynamoRegistryStore, meter: Meter) -> None:
    """A model with three versions in two stages and an alias."""
    registry.create_registered_model("net", tags(2), "text")
    for _ in range(3):
        registry.create_model_version("net", SOURCE, "run", TAGS)
    registry.transition_model_version_stage("net", 1, "Staging", False)
    registry.set_registered_model_alias("net", "best", 1)
    meter.take()


@pytest.fixture
def cost(tmp_path: Path) -> Iterator[Callable[[Work], Usage]]:
    """What the work costs a registry with a model."""
    table, meter = SqliteTable(tmp_path / "table.ddb", durability="process"), Meter()
    table.create()
    registry = DynamoRegistryStore(CountingTable(table, meter))
    with_a_model(registry, meter)

    def of(work: Work) -> Usage:
        work(registry)
        return meter.take()

    yield of
    table.close()


@pytest.mark.parametrize(("work", "requests", "write_units"), BUDGETS.values(), ids=BUDGETS)
def test_budgets(
    cost: Callable[[Work], Usage], work: Work, requests: int, write_units: int
) -> None:
    used = cost(work)

    assert used.total_requests <= requests
    assert used.write_units <= write_units


def test_a_server_is_asked_as_often_as_was_counted(dynoxide_endpoint: str) -> None:
    table, meter = metered_table(dynoxide_endpoint)
    table.create()
    registry = DynamoRegistryStore(table)
    with_a_model(registry, meter)

    for name, (work, requests, _) in BUDGETS.items():
        work(registry)
        assert meter.take().total_requests <= requests, name
    table.close()
