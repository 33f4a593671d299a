"""What every comparison needs: one world for both stores, and MLflow's store in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from .frozen import World, frozen
from .sides import SqlSide, our_experiment_ids


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    logging.disable(logging.ERROR)
    with frozen(world), our_experiment_ids(world.experiment_id):
        yield world
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def theirs(world: World, tmp_path_factory: pytest.TempPathFactory) -> SqlSide:
    return SqlSide(tmp_path_factory.mktemp("sql") / "mlflow.db", world.experiment_id)
