"""Stores that are full from the start, so that most operations meet something."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import initialize
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
)

from .base import Operations
from .words import KEYS, NUMBERS, ODD_NUMBERS, STEPS, TIMES, VALUES

_FEW = KEYS[:4]


class Populated(Operations):
    """Starts with some experiments, runs and logged models that have a bit of everything."""

    @initialize(seed=st.integers(0, 2**32 - 1), size=st.sampled_from((6, 12, 3, 0)))
    def populate(self, seed: int, size: int) -> None:
        chance = Random(seed)
        for number in range(size // 3):
            self._add_experiment(chance, number)
        for _ in range(size):
            self._add_run(chance)
            if chance.random() < 0.6:
                self._add_model(chance)
        for run_id in self.runs[1:]:
            if chance.random() < 0.15:
                self.pair.call("delete_run", run_id)
        if len(self.experiments) > 2 and chance.random() < 0.5:
            self.pair.call("delete_experiment", self.experiments[1])

    def _add_experiment(self, chance: Random, number: int) -> None:
        tags = [ExperimentTag(k, chance.choice(VALUES)) for k in chance.sample(_FEW, 2)]
        name = ("exp", "Exp", "e_1", "E%", "é")[number]
        self.experiments.append(self.pair.call("create_experiment", name, None, tags))

    def _add_run(self, chance: Random) -> None:
        experiment_id, start = chance.choice(self.experiments), chance.choice((0, 1, 1000, 1000))
        tags = [RunTag(k, chance.choice(VALUES)) for k in chance.sample(_FEW, 2)]
        name = chance.choice((None, "run", "Run", "r_n"))
        run_id = self.pair.call("create_run", experiment_id, "user", start, tags, name).info.run_id
        self.runs.append(run_id)
        metrics = [
            Metric(
                chance.choice(_FEW),
                chance.choice(NUMBERS + ODD_NUMBERS),
                chance.choice(TIMES),
                chance.choice(STEPS),
            )
            for _ in range(chance.randrange(12))
        ]
        params = [Param(k, chance.choice(VALUES)) for k in chance.sample(_FEW, 2)]
        self.send_batch(run_id, metrics, params, [])
        if chance.random() < 0.5:
            self.pair.call("log_inputs", run_id, [_dataset_input(chance) for _ in range(2)], None)
        if chance.random() < 0.5:
            status = chance.choice(RunStatus.all_status())
            self.pair.call("update_run_info", run_id, status, chance.choice((5, 1000)), None)

    def _add_model(self, chance: Random) -> None:
        run_id = chance.choice(self.runs)
        experiment_id = chance.choice(self.experiments)
        tags = [LoggedModelTag(k, chance.choice(VALUES)) for k in chance.sample(_FEW, 2)]
        params = [LoggedModelParameter(k, chance.choice(VALUES)) for k in chance.sample(_FEW, 2)]
        name, kind = chance.choice(("model", "Model", None)), chance.choice((None, "agent"))
        args = (experiment_id, name, run_id, tags, params, kind)
        model_id = self.pair.call("create_logged_model", *args).model_id
        self.models.append(model_id)
        for _ in range(chance.randrange(5)):
            dataset = chance.choice(((None, None), ("d", "1"), ("d", "a"), ("D", "1")))
            metric = Metric(
                chance.choice(_FEW),
                chance.choice(NUMBERS + ODD_NUMBERS),
                chance.choice(TIMES),
                chance.choice(STEPS),
                model_id,
                *dataset,
            )
            self.pair.call("log_metric", chance.choice(self.runs), metric)
        if chance.random() < 0.5:
            self.pair.call("log_outputs", run_id, [LoggedModelOutput(model_id, 1)])


def _dataset_input(chance: Random) -> DatasetInput:
    name, digest = chance.choice(("d", "D", "d%")), chance.choice(("1", "a"))
    dataset = Dataset(name, digest, "local", "here", chance.choice((None, "{}")), "profile")
    context = chance.choice(("train", "Train", "eval", None))
    tags = [] if context is None else [InputTag("mlflow.data.context", context)]
    return DatasetInput(dataset, tags)
