"""Assembling a store from its parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import Throttled
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlAlchemyRegistry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.assemble import assembled, by_class
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore


class Abstract:
    """An abstract class of MLflow's."""

    def create(self, name: str, size: int = 1) -> str:
        raise NotImplementedError

    def create_two(self, name: str) -> list[str]:
        return [self.create(name), self.create(name)]

    def delete(self, name: str) -> None:
        raise NotImplementedError

    def _purge(self) -> int:
        raise NotImplementedError


class Things:
    """A part."""

    serves = ("_purge", "count")

    def __init__(self, made: list[str]) -> None:
        self._made = made

    def create(self, name: str, size: int = 1) -> str:
        self._made.append(self._named(name, size))
        return self._made[-1]

    def _purge(self) -> int:
        raise Throttled("too many requests")

    def count(self) -> int:
        return len(self._made)

    def _named(self, name: str, size: int) -> str:
        return f"{name}{size}"


@assembled(Abstract, (Things,), beyond=("archive",))
class Store(Abstract):
    """A store of things."""

    def __init__(self) -> None:
        self._table = None
        self._parts = by_class(Things([]))


def test_a_method_of_the_store_is_the_part_s() -> None:
    store = Store()

    assert store.create("a", size=2) == "a2"
    assert store.count() == 1  # type: ignore[attr-defined]


def test_a_method_of_mlflow_s_base_calls_the_part_s() -> None:
    assert Store().create_two("b") == ["b1", "b1"]


def test_the_table_s_error_is_raised_as_mlflow_s() -> None:
    with pytest.raises(MlflowException, match="too many requests") as raised:
        Store()._purge()

    assert raised.value.error_code == "TEMPORARILY_UNAVAILABLE"


@pytest.mark.parametrize("call", [lambda s: s.delete("a"), lambda s: s.archive()])
def test_a_method_that_no_part_offers_is_refused(call: Callable[[Store], object]) -> None:
    with pytest.raises(MlflowException, match="is not available") as raised:
        call(Store())

    assert raised.value.error_code == "NOT_IMPLEMENTED"


def test_a_part_s_helpers_are_not_methods_of_the_store() -> None:
    assert not hasattr(Store, "_named")


def test_a_misspelled_method_is_refused_when_the_store_is_assembled() -> None:
    class Misspelled:
        def creat(self, name: str) -> str:
            return name

    with pytest.raises(TypeError, match="creat is no method of MLflow's"):
        assembled(Abstract, (Misspelled,))(Abstract)


def test_a_method_with_other_parameters_than_mlflow_s_is_refused() -> None:
    class Renamed:
        def create(self, name: str, length: int = 1) -> str:
            return name

    with pytest.raises(TypeError, match=r"has the parameters .*'length'.* and MLflow's .*'size'"):
        assembled(Abstract, (Renamed,))(Abstract)


def test_a_misspelled_name_in_serves_is_refused() -> None:
    class Misspelled:
        serves = ("_purgee",)

        def _purge(self) -> int:
            return 0

    with pytest.raises(TypeError, match=r"Misspelled.serves names \['_purgee'\]"):
        assembled(Abstract, (Misspelled,))(Abstract)


def test_a_method_in_two_parts_is_refused() -> None:
    class More:
        def delete(self, name: str) -> None: ...

        def create(self, name: str, size: int = 1) -> str:
            return name

    with pytest.raises(TypeError, match="create is in two parts: Things"):
        assembled(Abstract, (Things, More))(Abstract)


def test_a_store_holds_each_of_its_parts(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    for store in (DynamoTrackingStore(table, "s3://bucket"), DynamoRegistryStore(table)):
        assert set(store._parts) == set(store.offered.values())


@pytest.mark.parametrize("store", [DynamoTrackingStore, DynamoRegistryStore])
def test_parts_extend_no_class_of_mlflow_s(store: Any) -> None:
    parts = set(store.offered.values())

    assert len(parts) > 5
    assert {base for part in parts for base in part.__mro__ if base is not object} == parts


@pytest.mark.parametrize(
    ("ours", "sql"),
    [(DynamoTrackingStore, SqlAlchemyStore), (DynamoRegistryStore, SqlAlchemyRegistry)],
)
def test_parameters_are_those_of_mlflow_s_sql_store(ours: Any, sql: type) -> None:
    for name in ours.offered.keys() & {n for n, _ in inspect.getmembers(sql)}:
        theirs = inspect.signature(getattr(sql, name)).parameters
        assert list(inspect.signature(getattr(ours, name)).parameters) == list(theirs), name
