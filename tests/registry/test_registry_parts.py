"""The registry is put together from parts: none is missing, and none hides another's helper."""

from __future__ import annotations

import inspect
from collections import defaultdict

from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore


def test_each_helper_is_one_part_s_own() -> None:
    parts = defaultdict(list)
    for part in DynamoRegistryStore.__mro__[1:]:
        if part.__module__.startswith("mlflow_dynamodbstore"):
            for name, member in vars(part).items():
                if inspect.isfunction(member) and name.startswith("_") and name != "__init__":
                    parts[name].append(part.__name__)

    assert {name: owners for name, owners in parts.items() if len(owners) > 1} == {}


def test_no_method_is_left_to_mlflow_s_base_class_that_its_own_registry_does_itself() -> None:
    offered = {
        name
        for name, method in inspect.getmembers(AbstractStore, inspect.isfunction)
        if getattr(SqlAlchemyStore, name) is not method
    }
    left = {
        name
        for name in offered
        if getattr(DynamoRegistryStore, name) is getattr(AbstractStore, name)
    }

    assert "create_registered_model" in offered
    assert left == set()


def test_no_method_that_mlflow_calls_abstract_is_left() -> None:
    abstract = {
        name
        for name, method in inspect.getmembers(AbstractStore, inspect.isfunction)
        if getattr(method, "__isabstractmethod__", False)
    }

    left = {
        name
        for name in abstract
        if getattr(DynamoRegistryStore, name) is getattr(AbstractStore, name)
    }

    assert "search_model_versions" in abstract
    assert left == set()


def test_arguments_are_called_as_in_mlflow_s_own_registry() -> None:
    for name, method in inspect.getmembers(AbstractStore, inspect.isfunction):
        if not name.startswith("_"):
            ours = inspect.signature(getattr(DynamoRegistryStore, name)).parameters
            theirs = inspect.signature(getattr(SqlAlchemyStore, name, method)).parameters
            assert list(ours) == list(theirs), name
