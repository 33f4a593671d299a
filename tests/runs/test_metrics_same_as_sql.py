"""The same metrics logged here and in MLflow's SQL store give the same answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities import Metric
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.runs.metric_plain import plain_all, plain_runs
from tests.tracking.stores import embedded_store, new_run, sql_store

VALUES = (0.0, -0.0, 1.0, -1.0, 0.1, math.nan, math.inf, -math.inf, 1e308, -5e-324, 3)
TIMES = (0, 1, 2, 1_785_000_000_000)
KEYS = ("loss", "acc")

metrics = st.builds(
    Metric,
    st.sampled_from(KEYS),
    st.sampled_from(VALUES),
    st.sampled_from(TIMES),
    st.integers(-3, 6) | st.sampled_from((2**63 - 1, -(2**63))),
)
growing = st.integers(1, 90).map(
    lambda count: [Metric("loss", float(n % 9), 5 * (n // 3), n // 2) for n in range(count)]
)
calls = st.lists(
    st.tuples(st.just("one by one"), st.lists(metrics, max_size=6))
    | st.tuples(st.just("in a batch"), st.lists(metrics, max_size=25))
    | st.tuples(st.just("in a batch"), growing),
    max_size=6,
)
few_examples = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Pair:
    """A run in each store; both receive the same calls."""

    def __init__(self, ours: DynamoTrackingStore, theirs: SqlAlchemyStore, runs: int = 1) -> None:
        self.stores = (ours, theirs)
        self.run_ids = [sorted(new_run(store) for _ in range(runs)) for store in self.stores]

    def log(self, how: str, those: list[Metric], run: int = 0) -> None:
        for store, run_ids in zip(self.stores, self.run_ids, strict=True):
            if how == "in a batch":
                store.log_batch(run_ids[run], those, [], [])
            else:
                for metric in those:
                    store.log_metric(run_ids[run], metric)

    def histories(self, key: str) -> list[Any]:
        return [
            plain_all(store.get_metric_history(run_ids[0], key))
            for store, run_ids in zip(self.stores, self.run_ids, strict=True)
        ]

    def latest(self) -> list[Any]:
        return [
            {k: repr(v) for k, v in store.get_run(run_ids[0]).data.metrics.items()}
            for store, run_ids in zip(self.stores, self.run_ids, strict=True)
        ]

    def call_bulk(self, method: str, *args: Any) -> list[Any]:
        answers = []
        for store, run_ids in zip(self.stores, self.run_ids, strict=True):
            names = {run_id: f"run {n}" for n, run_id in enumerate(run_ids)}
            found = getattr(store, method)([*run_ids, run_ids[0]], "loss", *args)
            answers.append(plain_runs(found, names))
        return answers


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[DynamoTrackingStore, SqlAlchemyStore]]:
    folder: Path = tmp_path_factory.mktemp("stores")
    with embedded_store(folder) as ours, sql_store(folder) as theirs:
        yield ours, theirs


@few_examples
@given(calls=calls)
def test_history_latest_and_largest_step(stores: Any, calls: Any) -> None:
    pair = Pair(*stores)
    for how, those in calls:
        pair.log(how, those)

    for key in KEYS:
        ours, theirs = pair.histories(key)
        assert ours == theirs
        steps = [
            store.get_max_step_for_metric(run_ids[0], key)
            for store, run_ids in zip(pair.stores, pair.run_ids, strict=True)
        ]
        assert steps[0] == steps[1]
    ours, theirs = pair.latest()
    assert ours == theirs


@few_examples
@given(
    logged=st.lists(metrics, max_size=60),
    most=st.integers(-1, 70),
    bounds=st.none() | st.tuples(st.integers(-4, 7), st.integers(-4, 7)),
)
def test_samples(stores: Any, logged: list[Metric], most: int, bounds: Any) -> None:
    pair = Pair(*stores, runs=2)
    pair.log("in a batch", logged, run=0)
    pair.log("in a batch", logged[::2], run=1)

    ours, theirs = pair.call_bulk(
        "get_metric_history_bulk_interval", most, *(bounds or (None, None))
    )

    assert ours == theirs


@few_examples
@given(logged=st.lists(metrics, max_size=30), most=st.integers(0, 40))
def test_many_runs_under_one_limit(stores: Any, logged: list[Metric], most: int) -> None:
    pair = Pair(*stores, runs=3)
    for run in range(3):
        pair.log("in a batch", logged[run::2], run=run)

    ours, theirs = pair.call_bulk("get_metric_history_bulk", most)

    assert ours == theirs


@few_examples
@given(
    logged=st.lists(metrics, max_size=30),
    steps=st.lists(st.integers(-4, 7), max_size=6),
    most=st.integers(0, 20),
)
def test_the_points_of_some_steps(
    stores: Any, logged: list[Metric], steps: list[int], most: int
) -> None:
    pair = Pair(*stores)
    pair.log("in a batch", logged)

    ours, theirs = (
        plain_runs(
            store.get_metric_history_bulk_interval_from_steps(run_ids[0], "loss", steps, most),
            {run_ids[0]: "run"},
        )
        for store, run_ids in zip(pair.stores, pair.run_ids, strict=True)
    )

    assert ours == theirs


@few_examples
@given(logged=st.lists(metrics, max_size=60), size=st.integers(1, 20))
def test_pages(stores: Any, logged: list[Metric], size: int) -> None:
    pair = Pair(*stores)
    pair.log("in a batch", logged)

    pages = []
    for store, run_ids in zip(pair.stores, pair.run_ids, strict=True):
        token, found = None, []
        while True:
            page = store.get_metric_history(run_ids[0], "loss", size, token)
            found.append(plain_all(page))
            token = page.token
            if token is None:
                break
        pages.append(found)

    assert pages[0] == pages[1]
