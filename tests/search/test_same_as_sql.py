"""Searches of one large population: the results of MLflow's SQL store, order and pages included.

The population is written once, so that many searches can be made; tests/differential makes fewer
of many small populations.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.differential.filters import (
    experiment_filters,
    experiment_orders,
    run_filters,
    run_orders,
)
from tests.differential.frozen import World, frozen
from tests.differential.pair import Pair
from tests.differential.sides import ARTIFACTS, OurSide, SqlSide, our_experiment_ids
from tests.search.projected import EVERYTHING, mark_built, projected_table

VIEWS = (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)
KEYS = ("a", "A", "b", "a/b", "a b", "é")
TEXTS = ("", "a", "A", "b", "é", "É", "100%", "a_b", "a\nb", "%", "10", "9", "ab", "😀")
NUMBERS = (0.0, 1, -1, 1.5, 0.1, 1e308, -1e308, 2, float("nan"), float("inf"), float("-inf"))
STARTS = (0, 1, 1000, 1000, 1000, 1001, -1)
RUNS = 45


@dataclass(frozen=True)
class Population:
    """Two stores with the same runs in four experiments, one of them in three shards."""

    pair: Pair
    experiments: list[str]
    runs: list[str]


def _on_items(folder: Path) -> DynamoTrackingStore:
    """A store without projections."""
    table = SqliteTable(folder / "items.ddb", durability="process")
    table.create()
    return _store_on(table)


def _on_projections(folder: Path) -> DynamoTrackingStore:
    """A store whose searches may use every projection."""
    table = projected_table(folder / "projected.ddb", patterns=("a*", "é"))
    mark_built(table, *EVERYTHING, "tags:a*", "tags:é")
    return _store_on(table)


def _store_on(table: Table) -> DynamoTrackingStore:
    store = DynamoTrackingStore(table, ARTIFACTS)
    store.ensure_default_experiment()
    return store


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_on_items, id="items"),
        pytest.param(_on_projections, id="projections"),
    ],
)
def population(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Population]:
    world = World()
    folder = tmp_path_factory.mktemp("search")
    logging.disable(logging.ERROR)
    with frozen(world), our_experiment_ids(world.experiment_id):
        ours = OurSide(lambda: request.param(folder))
        pair = Pair(SqlSide(folder / "mlflow.db", world.experiment_id), ours, world)
        pair.empty()
        yield _populated(pair)
        ours.close()
    logging.disable(logging.NOTSET)


def _populated(pair: Pair) -> Population:
    chance = Random(7)
    experiments = ["0"]
    for number, name in enumerate(("exp", "Exp", "e_1", "gone")):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("MLFLOW_DYNAMODB_RUN_SHARDS", "3" if number == 1 else "1")
            tags = [ExperimentTag(k, chance.choice(TEXTS)) for k in chance.sample(KEYS, 3)]
            experiments.append(pair.call("create_experiment", name, None, tags))
    runs = [_add_run(pair, chance, chance.choice(experiments)) for _ in range(RUNS)]
    for run_id in runs[::5]:
        pair.call("delete_run", run_id)
    # Runs that were deleted before come back with their experiment, and are deleted with it.
    for stage_change in ("delete_experiment", "restore_experiment"):
        pair.call(stage_change, experiments[1])
    pair.call("delete_experiment", experiments[4])
    for run_id in runs[1::9]:
        pair.call("restore_run", run_id)
    pair.call("delete_run", runs[7])
    return Population(pair, experiments, runs)


def _add_run(pair: Pair, chance: Random, experiment_id: str) -> str:
    tags = [RunTag(k, chance.choice(TEXTS)) for k in chance.sample(KEYS, 3)]
    name = chance.choice((None, "run", "Run", "r_n", "é"))
    user = chance.choice(("user", "USER", "", "é"))
    run = pair.call("create_run", experiment_id, user, chance.choice(STARTS), tags, name)
    run_id: str = run.info.run_id
    metrics = [
        Metric(chance.choice(KEYS), chance.choice(NUMBERS), 1, chance.choice((-1, 0, 1, 2)))
        for _ in range(chance.randrange(9))
    ]
    params = [Param(k, chance.choice(TEXTS)) for k in chance.sample(KEYS, 3)]
    pair.call("log_batch", run_id, metrics, params, [])
    if chance.random() < 0.6:
        pair.call("log_inputs", run_id, [_dataset_input(chance) for _ in range(2)], None)
    if chance.random() < 0.6:
        status = chance.choice(RunStatus.all_status())
        pair.call("update_run_info", run_id, status, chance.choice((None, 5, 1000)), None)
    return run_id


def _dataset_input(chance: Random) -> DatasetInput:
    name, digest = chance.choice(("d", "D", "d%", "é")), chance.choice(("1", "a", "A"))
    context = chance.choice(("train", "Train", "eval", None))
    tags = [InputTag("other", "train")]
    tags += [] if context is None else [InputTag("mlflow.data.context", context)]
    return DatasetInput(Dataset(name, digest, "local", "here", None, None), tags)


def examples(searches: int) -> settings:
    return settings(
        max_examples=searches,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@examples(120)
@given(data=st.data(), view=st.sampled_from(VIEWS), order=run_orders)
def test_runs_are_found_in_order(
    population: Population, data: st.DataObject, view: int, order: list[str] | None
) -> None:
    ids = data.draw(st.permutations([*population.experiments, "4711"]).map(lambda p: p[:4]))
    text = data.draw(run_filters(population.runs))

    population.pair.call("search_runs", ids, text, view, order_by=order)


@examples(40)
@given(
    data=st.data(),
    view=st.sampled_from(VIEWS),
    limit=st.integers(1, 12),
    order=run_orders | st.sampled_from([["start_time ASC"], ["created", "run_id DESC"]]),
)
def test_pages_of_runs_are_the_same(
    population: Population,
    data: st.DataObject,
    view: int,
    limit: int,
    order: list[str] | None,
) -> None:
    text = data.draw(st.none() | run_filters(population.runs))

    population.pair.call_pages(
        "search_runs",
        experiment_ids=population.experiments,
        filter_string=text,
        run_view_type=view,
        max_results=limit,
        order_by=order,
    )


@examples(70)
@given(
    data=st.data(),
    view=st.sampled_from(VIEWS),
    limit=st.sampled_from((1, 2, 50)),
    order=experiment_orders,
)
def test_pages_of_experiments_are_the_same(
    population: Population,
    data: st.DataObject,
    view: int,
    limit: int,
    order: list[str] | None,
) -> None:
    text = data.draw(experiment_filters(population.experiments))

    population.pair.call_pages(
        "search_experiments",
        view_type=view,
        max_results=limit,
        filter_string=text,
        order_by=order,
    )


@pytest.mark.parametrize("limit", [None, 0, -1, 50000, 50001])
def test_limits_are_the_same(population: Population, limit: int | None) -> None:
    pair = population.pair

    pair.call("search_runs", ["0"], "", ViewType.ALL, max_results=limit or 0)
    pair.call("search_experiments", ViewType.ALL, limit)


def test_no_limit_returns_every_run(population: Population) -> None:
    def every(store: object) -> object:
        return store._search_runs(population.experiments, "", ViewType.ALL, None, None, None)  # type: ignore[attr-defined]

    found, token = population.pair.compare("every run", every)

    assert (len(found), token) == (RUNS, None)
