"""A process that dies between two writes leaves nothing that a reader sees, or that blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dynamodbstore_events.keys import registered_model_key
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import TableUnavailable
from mlflow.entities.model_registry import ModelVersionTag
from mlflow_dynamodbstore.registered_models.model_items import meta_key
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.versioned.deletion import remove_marked

from tests.registered_models.faults import failing_after
from tests.registered_models.stores import SOURCE, add_versions, items_of, latest, model_tags
from tests.tracking.stores import refused

LONG = "long text " * 1_000
HOURS_MS = 3_600_000
DIED = TableUnavailable("the process died here")


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    yield table
    table.close()


@pytest.fixture
def registry(table: SqliteTable) -> DynamoRegistryStore:
    return DynamoRegistryStore(table)


def die_after(table: SqliteTable, writes: int, work: Callable[[], object]) -> None:
    """Do the work until the process dies: after this many writes."""
    with failing_after(table, writes, DIED), refused("TEMPORARILY_UNAVAILABLE"):
        work()


@pytest.mark.parametrize("writes", [0, 1])
def test_a_version_that_was_not_created_takes_no_number(
    registry: DynamoRegistryStore, table: SqliteTable, writes: int
) -> None:
    registry.create_registered_model("net")
    add_versions(registry, "net", 2)
    tags = [ModelVersionTag("k", LONG)]

    die_after(table, writes, lambda: registry.create_model_version("net", SOURCE, tags=tags))

    assert latest(registry, "net") == {"None": 2}
    with refused("RESOURCE_DOES_NOT_EXIST"):
        registry.get_model_version("net", 3)
    created = registry.create_model_version("net", SOURCE, tags=tags)
    assert (created.version, created.tags) == (3, {"k": LONG})


@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("how_many", [3, 120])
def test_a_model_that_was_not_created_takes_no_name(
    registry: DynamoRegistryStore, table: SqliteTable, how_many: int, writes: int
) -> None:
    tags = model_tags(**{f"tag {n}": "v" for n in range(how_many)}, long=LONG)

    die_after(table, writes, lambda: registry.create_registered_model("net", tags))

    assert registry.search_registered_models() == []
    assert registry.search_registered_models("tags.`tag 1` = 'v'") == []
    with refused("RESOURCE_DOES_NOT_EXIST"):
        registry.get_registered_model("net")
    assert len(registry.create_registered_model("net", tags).tags) == how_many + 1


@pytest.mark.parametrize("writes", [0, 1])
def test_a_text_is_the_old_or_the_new_one(
    registry: DynamoRegistryStore, table: SqliteTable, writes: int
) -> None:
    registry.create_registered_model("net", description="old " + LONG)

    die_after(table, writes, lambda: registry.update_registered_model("net", "new " + LONG))

    assert registry.get_registered_model("net").description == "old " + LONG
    assert registry.update_registered_model("net", "newer").description == "newer"


def with_many_items(registry: DynamoRegistryStore, name: str) -> None:
    """A model whose items take three writes to remove."""
    registry.create_registered_model(name, model_tags(team="red"), LONG)
    add_versions(registry, name, 220)
    registry.set_registered_model_alias(name, "champion", 1)


@pytest.mark.parametrize("writes", [1, 2, 3, 4])
def test_a_deleted_model_is_gone_whatever_is_left_of_it(
    registry: DynamoRegistryStore, table: SqliteTable, writes: int
) -> None:
    # given a deletion that was cut short after some writes
    with_many_items(registry, "net")
    with failing_after(table, writes, DIED):
        registry.delete_registered_model("net")

    # then nobody finds the model
    assert registry.search_registered_models() == []
    assert registry.search_registered_models("tags.team = 'red'") == []
    assert registry.search_model_versions() == []
    for call in (
        lambda: registry.get_registered_model("net"),
        lambda: registry.get_model_version("net", 1),
        lambda: registry.delete_registered_model("net"),
    ):
        with refused("RESOURCE_DOES_NOT_EXIST"):
            call()

    # and the next of its name begins afresh, and removes what is left
    registry.create_registered_model("net")
    assert add_versions(registry, "net", 1)[0].version == 1
    model = registry.get_registered_model("net")
    assert (model.tags, model.aliases, model.description) == ({}, {}, None)
    assert len(items_of(table)) == len(["claim", "model", "version"])


def test_the_first_write_of_a_deletion_does_all_or_nothing(
    registry: DynamoRegistryStore, table: SqliteTable
) -> None:
    with_many_items(registry, "net")
    before = items_of(table)

    die_after(table, 0, lambda: registry.delete_registered_model("net"))

    assert items_of(table) == before
    assert registry.get_registered_model("net").aliases == {"champion": 1}


def test_a_later_deletion_removes_what_an_earlier_one_left(
    registry: DynamoRegistryStore, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a model with another name than its first, whose deletion was cut short
    registry.create_registered_model("kept")
    before = items_of(table)
    with_many_items(registry, "old")
    registry.rename_registered_model("old", "new")
    with failing_after(table, 2, DIED):
        registry.delete_registered_model("new")

    # when another model is deleted a minute later, then nothing: it may still be at work
    registry.create_registered_model("another")
    registry.delete_registered_model("another")
    assert len(items_of(table)) > len(before)

    # but an hour later
    now = "mlflow_dynamodbstore.versioned.naming.get_current_time_millis"
    registry.create_registered_model("another")
    monkeypatch.setattr(now, lambda: table_time() + HOURS_MS)
    registry.delete_registered_model("another")
    assert items_of(table) == before


def table_time() -> int:
    """The time (ms) as the registry returns it."""
    from mlflow.utils.time import get_current_time_millis

    now: int = get_current_time_millis()
    return now


def test_a_slow_deletion_touches_nothing_of_the_next_model(
    registry: DynamoRegistryStore, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a deletion that has listed what to remove, and is then held up
    registry.create_registered_model("net")
    add_versions(registry, "net", 3)
    with failing_after(table, 1, DIED):
        registry.delete_registered_model("net")
    marked = table.get(meta_key(registered_model_key("default", "net")))
    assert marked is not None
    write = table.write

    def held_up(*ops: object) -> object:
        monkeypatch.setattr(table, "write", write)
        # when others finish it meanwhile, and create a model under the same key
        remove_marked(table, marked)
        registry.create_registered_model("net")
        add_versions(registry, "net", 3)
        return write(*ops)  # type: ignore[arg-type]

    monkeypatch.setattr(table, "write", held_up)
    remove_marked(table, marked)

    # then that model is whole
    assert registry._models.require("net").key == registered_model_key("default", "net")
    assert [registry.get_model_version("net", n).version for n in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize("archive", [True, False])
def test_a_transition_happens_or_not(
    registry: DynamoRegistryStore, table: SqliteTable, archive: bool
) -> None:
    registry.create_registered_model("net")
    add_versions(registry, "net", 3)
    registry.transition_model_version_stage("net", 1, "Staging", False)

    die_after(
        table, 0, lambda: registry.transition_model_version_stage("net", 2, "Staging", archive)
    )

    assert latest(registry, "net") == {"Staging": 1, "None": 3}
