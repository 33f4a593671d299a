"""What may happen to a table: a step is something that one of those at work on it does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import EXPERIMENT, RUN, Entity
from mlflow.entities import ExperimentTag, Metric, Param, RunStatus, RunTag
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException

from tests.projections.entities import NOTE, RUN_NAME
from tests.projections.interposed import Crash
from tests.projections.world import (
    World,
    crashing_at,
    projector,
    raise_what_no_retry_heals,
)

LONG = "".join(chr(0x4E00 + n) for n in range(110))
OTHER_LONG = LONG[:20] + "".join(chr(0x5E00 + n) for n in range(90))
"""Texts with more trigrams than one transaction takes."""

TEXTS = ("banana", "bandana", "an", LONG, OTHER_LONG)
VALUES = (*TEXTS, "x" * 300)
TAGS = (RUN_NAME, NOTE, "team", "plain")
HOUR, DAY = 3600, 86_400

_Store: TypeAlias = Any
_Call: TypeAlias = Callable[[_Store, str, str, str], Any]

RUN_CALLS: Mapping[str, _Call] = {
    "set a tag of": lambda s, r, key, text: s.set_tag(r, RunTag(key, text)),
    "delete a tag of": lambda s, r, key, text: s.delete_tag(r, key),
    "rename": lambda s, r, key, text: s.update_run_info(r, None, None, text),
    "end": lambda s, r, key, text: s.update_run_info(r, RunStatus.FINISHED, 1000, None),
    "fail": lambda s, r, key, text: s.update_run_info(r, RunStatus.FAILED, 2000, None),
    "resume": lambda s, r, key, text: s.update_run_info(r, RunStatus.RUNNING, None, None),
    "log a metric of": lambda s, r, key, text: s.log_metric(r, Metric(key, len(text), 1, 0)),
    "log a param of": lambda s, r, key, text: s.log_param(r, Param(key, text)),
    "delete": lambda s, r, key, text: s.delete_run(r),
    "restore": lambda s, r, key, text: s.restore_run(r),
    "remove": lambda s, r, key, text: s._hard_delete_run(r),
}
EXPERIMENT_CALLS: Mapping[str, _Call] = {
    "rename": lambda s, e, key, text: s.rename_experiment(e, text),
    "set a tag of": lambda s, e, key, text: s.set_experiment_tag(e, ExperimentTag(key, text)),
    "delete a tag of": lambda s, e, key, text: s.delete_experiment_tag(e, key),
    "delete": lambda s, e, key, text: s.delete_experiment(e),
    "restore": lambda s, e, key, text: s.restore_experiment(e),
    "remove": lambda s, e, key, text: s._hard_delete_experiment(e),
}
MODEL_CALLS: Mapping[str, _Call] = {
    "rename": lambda s, m, key, text: s.rename_registered_model(m, text),
    "set a tag of": lambda s, m, key, text: s.set_registered_model_tag(
        m, RegisteredModelTag(key, text)
    ),
    "delete a tag of": lambda s, m, key, text: s.delete_registered_model_tag(m, key),
    "add a version to": lambda s, m, key, text: s.create_model_version(m, "s3://model"),
    "delete": lambda s, m, key, text: s.delete_registered_model(m),
}


class Step(Protocol):
    """Something that one of those at work does."""

    def do(self, world: World) -> None: ...


@dataclass(frozen=True)
class OnRun:
    """A server does something with a run."""

    server: int
    call: str
    run: int
    key: str
    text: str

    def entity(self, world: World) -> Entity:
        return Entity(RUN, world.runs[self.run % len(world.runs)])

    def do(self, world: World) -> None:
        if world.runs:
            run_id = world.runs[self.run % len(world.runs)]
            _ask(
                world, world.servers[self.server], RUN_CALLS[self.call], run_id, self.key, self.text
            )


@dataclass(frozen=True)
class OnExperiment:
    """A server does something with an experiment."""

    server: int
    call: str
    experiment: int
    key: str
    text: str

    def entity(self, world: World) -> Entity:
        return Entity(EXPERIMENT, world.experiments[self.experiment % len(world.experiments)])

    def do(self, world: World) -> None:
        experiment_id = self.entity(world).id
        call = EXPERIMENT_CALLS[self.call]
        _ask(world, world.servers[self.server], call, experiment_id, self.key, self.text)


@dataclass(frozen=True)
class OnModel:
    """A server does something with a registered model."""

    server: int
    call: str
    model: int
    key: str
    text: str

    def entity(self, world: World) -> Entity:
        found = list(world.models)
        return found[self.model % len(found)]

    def do(self, world: World) -> None:
        if world.models:
            name, call = world.models[self.entity(world)], MODEL_CALLS[self.call]
            _ask(world, world.registries[self.server], call, name, self.key, self.text)


Change: TypeAlias = OnRun | OnExperiment | OnModel


@dataclass(frozen=True)
class NewRun:
    """A server makes a run."""

    server: int
    experiment: int
    key: str
    text: str

    def do(self, world: World) -> None:
        experiment_id = world.experiments[self.experiment % len(world.experiments)]
        _ask(
            world,
            world.servers[self.server],
            partial(_new_run, world),
            experiment_id,
            self.key,
            self.text,
        )


def _new_run(world: World, store: _Store, experiment_id: str, key: str, text: str) -> None:
    run = store.create_run(experiment_id, "ada", 1, [RunTag(key, text)], None)
    world.runs.append(run.info.run_id)


@dataclass(frozen=True)
class NewExperiment:
    """A server makes an experiment."""

    server: int
    text: str

    def do(self, world: World) -> None:
        def create(store: _Store, *_: str) -> None:
            world.experiments.append(store.create_experiment(self.text, None, []))

        _ask(world, world.servers[self.server], create, "", "", "")


@dataclass(frozen=True)
class NewModel:
    """A server registers a model."""

    server: int
    text: str

    def do(self, world: World) -> None:
        def create(registry: _Store, name: str, *_: str) -> None:
            registry.create_registered_model(name)

        _ask(world, world.registries[self.server], create, self.text, "", "")


@dataclass(frozen=True)
class CollectGarbage:
    """Someone runs ``mlflow gc``."""

    server: int
    older_than_ms: int

    def do(self, world: World) -> None:
        def collect(store: _Store, *_: str) -> None:
            for run_id in store._get_deleted_runs(self.older_than_ms):
                store._hard_delete_run(run_id)

        _ask(world, world.servers[self.server], collect, "", "", "")


@dataclass(frozen=True)
class Deliver:
    """A stream function gets a batch: from the beginning or the end of what is pending, in order
    or not, some of what it has had before among it; perhaps nobody notes that it is done."""

    function: str
    size: int
    late: bool
    backwards: bool
    again: int
    noted: bool

    def do(self, world: World) -> None:
        pending = world.stream.pending[self.function]
        batch = pending[-self.size :] if self.late else pending[: self.size]
        batch += world.stream.delivered[self.function][-self.again :] if self.again else []
        if self.backwards:
            batch.reverse()
        if self.noted:
            world.deliver(self.function, batch)
        else:
            with _unnoted(world, self.function, batch):
                world.deliver(self.function, batch)


@contextlib.contextmanager
def _unnoted(world: World, function: str, batch: list[ChangeEvent]) -> Any:
    before = list(world.stream.pending[function])
    known = {id(event) for event in before}
    try:
        yield
    finally:
        new = [e for e in world.stream.pending[function] if id(e) not in known]
        world.stream.pending[function] = before + new


@dataclass(frozen=True)
class Replay:
    """Someone rebuilds every projection."""

    def do(self, world: World) -> None:
        world.replay()


@dataclass(frozen=True)
class Rebuild:
    """Someone rebuilds the projections of what was changed; if that ends early, nobody begins it
    anew, as somebody would with a batch of the stream."""

    change: Change

    def do(self, world: World) -> None:
        every = [projection for kept in world.kept.values() for projection in kept]
        entity = self.change.entity(world)
        raise_what_no_retry_heals(projector(world.streamed, every).project_entities([entity]))


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    seconds: int

    def do(self, world: World) -> None:
        world.clock.pass_by(self.seconds)


@dataclass(frozen=True)
class Expire:
    """DynamoDB removes some of what has expired."""

    most: int

    def do(self, world: World) -> None:
        world.streamed.sweep_expired(self.most)


@dataclass(frozen=True)
class Happening:
    """A step, what else happens before some of its requests (by number), and where it crashes."""

    step: Step
    meanwhile: tuple[tuple[int, Step], ...] = ()
    crash_at: int | None = None

    def do(self, world: World) -> None:
        others = {at: partial(_undisturbed, world, step) for at, step in self.meanwhile}
        with (
            world.interposing(crashing_at(self.crash_at, others)),
            contextlib.suppress(Crash),
        ):
            self.step.do(world)


def _undisturbed(world: World, step: Step) -> None:
    with world.interposing(None):
        step.do(world)


def _ask(world: World, store: _Store, call: _Call, target: str, key: str, text: str) -> None:
    world.clock.pass_by(1)
    # What MLflow refuses is refused.
    with contextlib.suppress(MlflowException):
        call(store, target, key, text)


@dataclass(frozen=True)
class InTurn:
    """Several steps, one after the other."""

    steps: tuple[Step, ...]

    def do(self, world: World) -> None:
        for step in self.steps:
            step.do(world)
