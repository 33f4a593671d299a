"""Names of models: found in one request, given in one write, never remembered wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dynamodbstore_events.keys import META, registered_model_key, version_sk
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow_dynamodbstore.registered_models.model_items import meta_key
from mlflow_dynamodbstore.registered_models.version_items import version_item
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.registered_models.stores import SOURCE, add_versions, items_of, model_tags
from tests.tracking.stores import refused


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    yield table
    table.close()


@pytest.fixture
def registry(table: SqliteTable) -> DynamoRegistryStore:
    return DynamoRegistryStore(table)


def test_a_rename_writes_once_whatever_the_number_of_versions(table: SqliteTable) -> None:
    meter = Meter()
    registry = DynamoRegistryStore(CountingTable(table, meter))
    registry.create_registered_model("old")
    add_versions(registry, "old", 1)
    key = registered_model_key("default", "old")
    attributes = {"source": SOURCE, "storage_location": SOURCE}
    versions = [version_item(key, "default", n, 1, attributes, {}) for n in range(2, 501)]
    table.bulk([Put(item) for item in versions])
    meter.take()

    registry.rename_registered_model("old", "new")

    requests = meter.take().requests
    assert requests["TransactWriteItems"] == 1
    assert requests.keys() <= {"TransactWriteItems", "BatchGetItem"}
    assert registry.get_model_version("new", 500).name == "new"


def test_a_server_that_remembers_a_name_never_serves_another_model(table: SqliteTable) -> None:
    # given two servers that know the model "a"
    ours, other = DynamoRegistryStore(table), DynamoRegistryStore(table)
    for server in (ours, other):
        with refused("RESOURCE_DOES_NOT_EXIST"):
            server.get_registered_model("a")
    ours.create_registered_model("a", description="first")
    ours.create_model_version("a", "s3://first")
    assert other.get_model_version("a", 1).source == "s3://first"

    # when its name goes to another model, again and again
    for n in range(4):
        ours.rename_registered_model("a", f"was a {n}")
        with refused("RESOURCE_DOES_NOT_EXIST"):
            other.get_model_version("a", 1)
        ours.create_registered_model("a", description=str(n))
        ours.create_model_version("a", f"s3://{n}")
        ours.set_registered_model_alias("a", "champion", 1)

        # then each server serves the one that has it now
        assert other.get_registered_model("a").description == str(n)
        assert other.get_model_version_by_alias("a", "champion").source == f"s3://{n}"
        assert other.create_model_version("a", SOURCE).version == 2
    assert other.get_model_version("was a 0", 1).source == "s3://first"
    assert other.get_model_version("was a 3", 1).source == "s3://2"

    # and after two models have exchanged their names
    ours.rename_registered_model("a", "c")
    ours.rename_registered_model("was a 0", "a")
    assert other.get_model_version("a", 1).source == "s3://first"
    assert other.get_model_version("c", 1).source == "s3://3"


WRITES: dict[str, Callable[[DynamoRegistryStore], object]] = {
    "create version": lambda r: r.create_model_version("a", SOURCE),
    "update": lambda r: r.update_registered_model("a", "text"),
    "rename": lambda r: r.rename_registered_model("a", "c"),
    "delete": lambda r: r.delete_registered_model("a"),
    "tag": lambda r: r.set_registered_model_tag("a", RegisteredModelTag("team", "red")),
    "remove tag": lambda r: r.delete_registered_model_tag("a", "k"),
    "alias": lambda r: r.set_registered_model_alias("a", "champion", 1),
    "remove alias": lambda r: r.delete_registered_model_alias("a", "old"),
    "transition": lambda r: r.transition_model_version_stage("a", 1, "Staging", True),
    "delete version": lambda r: r.delete_model_version("a", 1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_meant_for_a_name_changes_the_model_that_has_it(
    table: SqliteTable, write: Callable[[DynamoRegistryStore], object]
) -> None:
    # given a server that has read who is called "a", before its write
    registry = DynamoRegistryStore(table)
    for _ in range(2):
        registry.create_registered_model("a", model_tags(k="v"))
        add_versions(registry, "a", 1)
        registry.set_registered_model_alias("a", "old", 1)
        if not registry.search_registered_models("name = 'b'"):
            outdated = registry._models.find("a", [version_sk(1)])
            # when another model gets the name
            registry.rename_registered_model("a", "b")
    assert outdated is not None
    before = list(table.query_all(outdated.pk))
    late = DynamoRegistryStore(table)
    find, answers = late._models.find, [outdated]
    late._models.find = lambda *args: answers.pop() if answers else find(*args)  # type: ignore[method-assign]

    # then the write changes that one
    write(late)
    assert answers == []
    assert list(table.query_all(outdated.pk)) == before


def test_a_name_that_is_free_again_can_be_taken(registry: DynamoRegistryStore) -> None:
    registry.create_registered_model("a", model_tags(team="red"))
    registry.rename_registered_model("a", "b")
    registry.create_registered_model("a")
    registry.delete_registered_model("a")
    registry.rename_registered_model("b", "a")

    assert registry.get_registered_model("a").tags == {"team": "red"}


def test_a_model_of_a_name_that_was_given_before_costs_one_request_more_once(
    table: SqliteTable,
) -> None:
    meter = Meter()
    first = DynamoRegistryStore(table)
    first.create_registered_model("a")
    first.rename_registered_model("a", "b")
    first.create_registered_model("a")
    add_versions(first, "a", 1)
    registry = DynamoRegistryStore(CountingTable(table, meter))

    costs = []
    for _ in range(3):
        registry.get_model_version("a", 1)
        costs.append(dict(meter.take().requests))

    assert costs == [{"BatchGetItem": 2}, {"BatchGetItem": 1}, {"BatchGetItem": 1}]


def test_many_tags_are_set_with_the_model_or_not_at_all(
    registry: DynamoRegistryStore, table: SqliteTable
) -> None:
    tags = model_tags(**{f"tag {n}": str(n) for n in range(250)})
    registry.create_registered_model("a", tags)
    before = items_of(table)

    with refused("RESOURCE_ALREADY_EXISTS"):
        registry.create_registered_model("a", tags)

    assert items_of(table) == before
    assert registry.get_registered_model("a").tags == {tag.key: tag.value for tag in tags}
    assert len(registry.search_registered_models("tags.`tag 249` = '249'")) == 1


def test_the_items_of_a_model_are_gone_with_it(
    registry: DynamoRegistryStore, table: SqliteTable
) -> None:
    registry.create_registered_model("kept")
    before = items_of(table)
    registry.create_registered_model("a", model_tags(team="red", long="x" * 90_000), "y" * 90_000)
    for _ in range(120):
        registry.create_model_version("a", SOURCE, description="z" * 9_000)
    registry.rename_registered_model("a", "b")

    registry.delete_registered_model("b")

    assert items_of(table) == before
    assert META not in {sk for pk, sk in before if pk == meta_key("a")[0]}
