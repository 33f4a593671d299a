"""Registries to test on: ours on an embedded file, and MLflow's own on SQLite beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModelTag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

SOURCE = "s3://bucket/model"


@contextmanager
def embedded_registry(folder: Path) -> Iterator[DynamoRegistryStore]:
    """Our registry on a new file."""
    table = SqliteTable(folder / "store.ddb", durability="process")
    table.create()
    try:
        yield DynamoRegistryStore(table)
    finally:
        table.close()


@contextmanager
def sql_registry(folder: Path) -> Iterator[SqlAlchemyStore]:
    """MLflow's SQL registry on a new file, for comparison."""
    store = SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}")
    try:
        yield store
    finally:
        store._dispose_engine()


def model_tags(**tags: str) -> list[RegisteredModelTag]:
    """Tags of a model."""
    return [RegisteredModelTag(key, value) for key, value in tags.items()]


def version_tags(**tags: str) -> list[ModelVersionTag]:
    """Tags of a version."""
    return [ModelVersionTag(key, value) for key, value in tags.items()]


def add_versions(registry: DynamoRegistryStore, name: str, how_many: int) -> list[ModelVersion]:
    """New versions of a model that is there."""
    return [registry.create_model_version(name, SOURCE) for _ in range(how_many)]


def stages(registry: DynamoRegistryStore, name: str, numbers: Iterable[int]) -> dict[int, str]:
    """The stages of versions by number."""
    return {n: registry.get_model_version(name, n).current_stage for n in numbers}


def latest(registry: DynamoRegistryStore, name: str) -> dict[str, int]:
    """The number of the latest version of each stage."""
    versions = registry.get_registered_model(name).latest_versions
    return {version.current_stage: version.version for version in versions}


def items_of(table: Table) -> list[tuple[str, str]]:
    """The keys of every item of the registry."""
    found: list[tuple[str, str]] = []
    start = None
    while True:
        page = table.scan(start=start)
        found += [(item["PK"], item["SK"]) for item in page.items if item["PK"] != "CONFIG"]
        if page.next is None:
            return sorted(found)
        start = page.next
