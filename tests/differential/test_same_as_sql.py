"""Random sequences of operations, asked of our store and of MLflow's SQL store.

A longer run: ``DIFFERENTIAL_EXAMPLES=500 pytest tests/differential`` (that many random sequences
a test; the default run always asks the same ones). A failure shows every operation that led to it;
``DIFFERENTIAL_SHRINK=1`` looks for the shortest sequence that fails, for some minutes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from mlflow_dynamodbstore.settings import RUN_SHARDS

from .base import Operations
from .experiment_operations import ExperimentOperations, GarbageOperations
from .frozen import World
from .metric_operations import MetricOperations
from .model_operations import InputOperations, ModelOperations
from .pair import Pair
from .population import Populated
from .run_operations import RunOperations
from .search_operations import ModelSearchOperations, SearchOperations
from .sides import OurSide, SqlSide, embedded_stores, served_stores

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

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


class Searches(Populated, SearchOperations, ModelSearchOperations):
    """Searches only, of what is there from the start."""


def _compare(machine: type[Operations], pair: Pair, examples: int) -> None:
    profile = settings(
        max_examples=int(_MORE) if _MORE else examples,
        stateful_step_count=_STEPS,
        derandomize=_MORE is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if _SHRINK else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    new = cast("type[Operations]", lambda: machine(pair))
    run_state_machine_as_test(new, settings=profile)


@pytest.mark.parametrize(
    ("machine", "examples", "shards", "projected"),
    [
        (Lifecycles, 12, "1", False),
        (Logging, 12, "1", False),
        (Models, 12, "1", False),
        (Searches, 12, "1", False),
        (Searches, 12, "3", True),
        (Everything, 16, "2", True),
    ],
)
def test_answers_and_errors_are_the_sql_stores(
    world: World,
    theirs: SqlSide,
    machine: type[Operations],
    examples: int,
    shards: str,
    projected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RUN_SHARDS, shards)
    ours = OurSide(embedded_stores(tmp_path, projected))

    _compare(machine, Pair(theirs, ours, world), examples)

    ours.close()


def test_on_a_server_they_are_too(world: World, theirs: SqlSide, dynoxide_endpoint: str) -> None:
    ours = OurSide(served_stores(dynoxide_endpoint))

    _compare(Everything, Pair(theirs, ours, world), 3)

    ours.close()
