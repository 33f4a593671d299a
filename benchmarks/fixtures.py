"""Experiments and runs that operations work on, made once for each store, unmeasured."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from mlflow.entities import Metric, Param, RunStatus, RunTag
from operation import Store

START_MS = 1_700_000_000_000
_MINUTE_MS = 60_000
_POINTS_A_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class RunContent:
    """What one ended run of an experiment that is searched or read back holds."""

    start_time: int
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]

    @property
    def end_time(self) -> int:
        return self.start_time + _MINUTE_MS


Seed: TypeAlias = Callable[[Store, str, list[RunContent]], None]
"""Puts ended runs into an experiment, as fast as the store can take them."""


def narrow_runs(count: int) -> list[RunContent]:
    """Runs of a search over hyper-parameters: 5 metrics, 5 params, 3 tags; one has a rare param."""
    chance = random.Random(count)
    return [
        RunContent(
            START_MS + number * 2 * _MINUTE_MS,
            {name: chance.random() for name in ("loss", "accuracy", "f1", "auc", "seconds")},
            {
                "depth": str(chance.randint(1, 8)),
                "rate": f"{chance.random():.6f}",
                "trees": str(chance.randint(10, 500)),
                "model": chance.choice(("forest", "boosting", "linear")),
                "seed": str(number),
                **({"rare": "1"} if number == count // 2 else {}),
            },
            {
                "mlflow.source.name": "train.py",
                "mlflow.user": "ada",
                "team": chance.choice(("red", "blue", "green")),
            },
        )
        for number in range(count)
    ]


def wide_runs(count: int, width: int) -> list[RunContent]:
    """Runs with ``width`` metrics, params and tags each."""
    chance = random.Random(count)
    return [
        RunContent(
            START_MS + number * 2 * _MINUTE_MS,
            {f"metric_{i}": chance.random() for i in range(width)},
            {f"param_{i}": f"{chance.random():.9f}" for i in range(width)},
            {f"tag_{i}": f"value {i} of run {number}" for i in range(width)},
        )
        for number in range(count)
    ]


def seed_by_logging(store: Store, experiment_id: str, runs: list[RunContent]) -> None:
    """Make the runs as a client would: create, log a batch, end."""
    for content in runs:
        tags = [RunTag(key, value) for key, value in content.tags.items()]
        batched_tags = tags[10:]
        run = store.create_run(experiment_id, "ada", content.start_time, tags[:10], None)
        run_id = run.info.run_id
        metrics = [
            Metric(key, value, content.end_time, 0) for key, value in content.metrics.items()
        ]
        params = [Param(key, value) for key, value in content.params.items()]
        store.log_batch(run_id, metrics, params, batched_tags)
        store.update_run_info(run_id, RunStatus.FINISHED, content.end_time, None)


class Fixtures:
    """One store's experiments and runs for the operations, each made when it is first needed."""

    def __init__(self, store: Store, seed: Seed) -> None:
        self._store = store
        self._seed = partial(seed, store)
        self._seeded: dict[str, str] = {}

    def through(self, store: Store) -> Fixtures:
        """The same seeded experiments, with new runs made by another store on the same table."""
        other = copy.copy(self)
        other._store = store
        return other

    def new_experiment(self) -> str:
        """A new, empty experiment's id."""
        experiment_id: str = self._store.create_experiment(
            f"benchmark {uuid.uuid4().hex}", None, []
        )
        return experiment_id

    def new_run(self) -> str:
        """A new run's id, in one experiment for all of them."""
        experiment_id = self._once("scratch", list)
        run = self._store.create_run(experiment_id, "ada", START_MS, [], None)
        run_id: str = run.info.run_id
        return run_id

    def run_with(self, width: int) -> str:
        """A run with ``width`` metrics, params and tags."""
        run_id = self.new_run()
        content = wide_runs(1, width)[0]
        self._store.log_batch(
            run_id,
            [Metric(key, value, START_MS, 0) for key, value in content.metrics.items()],
            [Param(key, value) for key, value in content.params.items()],
            [RunTag(key, value) for key, value in content.tags.items()],
        )
        return run_id

    def run_with_history(self, key: str, points: int) -> str:
        """A run with one metric of ``points`` points, logged in batches."""
        run_id = self.new_run()
        for first in range(0, points, _POINTS_A_BATCH):
            steps = range(first, min(first + _POINTS_A_BATCH, points))
            self._store.log_batch(
                run_id, [Metric(key, 1 / (1 + s), START_MS + s, s) for s in steps], [], []
            )
        return run_id

    def scratch_experiment(self) -> str:
        """The experiment that ``new_run`` puts its runs into."""
        return self._once("scratch", list)

    def searched(self, runs: int) -> str:
        """An experiment of ``runs`` narrow runs."""
        return self._once(f"searched {runs}", lambda: narrow_runs(runs))

    def wide(self, runs: int, width: int) -> str:
        """An experiment of ``runs`` wide runs."""
        return self._once(f"wide {runs} {width}", lambda: wide_runs(runs, width))

    def _once(self, name: str, content: Callable[[], list[RunContent]]) -> str:
        if name not in self._seeded:
            experiment_id = self.new_experiment()
            self._seed(experiment_id, content())
            self._seeded[name] = experiment_id
        return self._seeded[name]
