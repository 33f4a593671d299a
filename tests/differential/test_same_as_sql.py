"""Random sequences of operations, on our store and on MLflow's SQL store.

A longer run: ``DIFFERENTIAL_EXAMPLES=500 pytest tests/differential`` (that many random sequences
a test; the default run always runs the same ones). A failure shows every operation that led to it;
``DIFFERENTIAL_SHRINK=1`` looks for the shortest sequence that fails, for some minutes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow_dynamodbstore.settings import RUN_SHARDS

from .base import Operations
from .comparing import compare
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

    compare(machine, Pair(theirs, ours, world), examples)

    ours.close()


@pytest.mark.e2e
def test_store_on_a_server_answers_as_the_sql_store(
    world: World, theirs: SqlSide, dynoxide_endpoint: str
) -> None:
    ours = OurSide(served_stores(dynoxide_endpoint))

    compare(Everything, Pair(theirs, ours, world), 3)

    ours.close()
