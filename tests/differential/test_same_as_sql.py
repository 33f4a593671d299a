"""Random sequences of operations, asked of our store and of MLflow's SQL store.

A longer run: ``DIFFERENTIAL_EXAMPLES=500 pytest tests/differential`` (that many random sequences
a test; the default run always asks the same ones). A failure shows every operation that led to it;
``DIFFERENTIAL_SHRINK=1`` looks for the shortest sequence that fails, for some minutes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .base import Operations
from .experiment_operations import ExperimentOperations, GarbageOperations
from .frozen import World, frozen
from .metric_operations import MetricOperations
from .model_operations import InputOperations, ModelOperations
from .pair import Pair
from .population import Populated
from .run_operations import RunOperations
from .search_operations import ModelSearchOperations, SearchOperations
from .sides import OurSide, SqlSide, our_experiment_ids

_MORE = os.environ.get("DIFFERENTIAL_EXAMPLES")
_SHRINK = "DIFFERENTIAL_SHRINK" in os.environ
_STEPS = 40


class Lifecycles(Populated, GarbageOperations, RunOperations, ExperimentOperations):
    """Experiments and runs that come and go."""


class Logging(Populated, MetricOperations, RunOperations):
    """What a training script writes, and reads back."""


class Models(Populated, ModelSearchOperations, InputOperations, ModelOperations, RunOperations):
    """Logged models, inputs and outputs."""


class Everything(
    Populated,
    SearchOperations,
    ModelSearchOperations,
    InputOperations,
    ModelOperations,
    MetricOperations,
    GarbageOperations,
    RunOperations,
    ExperimentOperations,
):
    """All operations together."""


class Searches(
    Populated,
    SearchOperations,
    InputOperations,
    MetricOperations,
    RunOperations,
    ExperimentOperations,
):
    """Searches of what the others write."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    world = World()
    folder = _quick_folder(tmp_path_factory)
    logging.disable(logging.ERROR)
    with frozen(world), our_experiment_ids(world.experiment_id):
        ours = OurSide(folder)
        yield Pair(SqlSide(folder / "mlflow.db", world.experiment_id), ours, world)
        ours.close()
    logging.disable(logging.NOTSET)


def _quick_folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("differential")


def _profile(examples: int) -> settings:
    return settings(
        max_examples=int(_MORE) if _MORE else examples,
        stateful_step_count=_STEPS,
        derandomize=_MORE is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if _SHRINK else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


@pytest.mark.parametrize(
    ("machine", "examples"),
    [(Lifecycles, 12), (Logging, 12), (Models, 12), (Searches, 16), (Everything, 12)],
)
def test_answers_and_errors_are_the_sql_stores(
    pair: Pair, machine: type[Operations], examples: int
) -> None:
    new = cast("type[Operations]", lambda: machine(pair))
    run_state_machine_as_test(new, settings=_profile(examples))
