"""Registered models that operations work on, made once for each registry, unmeasured."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from typing import TypeAlias

from mlflow.entities.model_registry import RegisteredModelTag
from operation import Store

SOURCE = "s3://bucket/models/1"
Seed: TypeAlias = Callable[[Store, list[str]], None]
"""Registers models of these names, each with one version, its tags by ``tags_of`` and run by
``run_of``."""


def tags_of(number: int) -> dict[str, str]:
    """The tags of the model of a number: a team of every hundredth, an owner of its own."""
    return {"team": f"team {number % 100}", "owner": f"owner {number}"}


def run_of(number: int) -> str:
    """The run that made the version of the model of a number."""
    return f"{number:032x}"


def seed_by_registering(store: Store, names: list[str]) -> None:
    """Make the models as a client would."""
    for number, name in enumerate(names):
        tags = [RegisteredModelTag(key, value) for key, value in tags_of(number).items()]
        store.create_registered_model(name, tags)
        store.create_model_version(name, SOURCE, run_of(number))


class RegistryFixtures:
    """One registry's models for the operations."""

    def __init__(self, store: Store, seed: Seed) -> None:
        self._store = store
        self._seed = seed
        self._seeded: set[int] = set()

    def through(self, store: Store) -> RegistryFixtures:
        """The same seeded models, with new ones made by another registry on the same table."""
        other = copy.copy(self)
        other._store = store
        return other

    def new_model(self, versions: int = 0) -> str:
        """A new model's name."""
        name = f"model {uuid.uuid4().hex[:8]}"
        self._store.create_registered_model(name)
        for _ in range(versions):
            self._store.create_model_version(name, SOURCE)
        return name

    def registered(self, models: int) -> str:
        """The prefix of the names of ``models`` seeded models."""
        prefix = f"{models} models"
        if models not in self._seeded:
            names = [f"{prefix}, {number:06d}" for number in range(models)]
            self._seed(self._store, names)
            self._seeded.add(models)
        return prefix
