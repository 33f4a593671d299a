"""Histories: what may happen to a table, for hypothesis to put together and to make short."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

from dynamodbstore_events.change import ChangeEvent
from hypothesis import strategies as st
from mlflow.entities import ExperimentTag, Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException

from tests.projections.entities import NOTE, RUN_NAME
from tests.projections.interposed import Crash
from tests.projections.streamed import FUNCTIONS
from tests.projections.world import World, crashing_at

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

    def do(self, world: World) -> None:
        if world.runs:
            run_id = world.runs[self.run % len(world.runs)]
            _ask(world, self.server, RUN_CALLS[self.call], run_id, self.key, self.text)


@dataclass(frozen=True)
class OnExperiment:
    """A server does something with an experiment."""

    server: int
    call: str
    experiment: int
    key: str
    text: str

    def do(self, world: World) -> None:
        experiment_id = world.experiments[self.experiment % len(world.experiments)]
        call = EXPERIMENT_CALLS[self.call]
        _ask(world, self.server, call, experiment_id, self.key, self.text)


@dataclass(frozen=True)
class NewRun:
    """A server makes a run."""

    server: int
    experiment: int
    key: str
    text: str

    def do(self, world: World) -> None:
        experiment_id = world.experiments[self.experiment % len(world.experiments)]
        _ask(world, self.server, partial(_new_run, world), experiment_id, self.key, self.text)


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

        _ask(world, self.server, create, "", "", "")


@dataclass(frozen=True)
class CollectGarbage:
    """Someone runs ``mlflow gc``."""

    server: int
    older_than_ms: int

    def do(self, world: World) -> None:
        def collect(store: _Store, *_: str) -> None:
            for run_id in store._get_deleted_runs(self.older_than_ms):
                store._hard_delete_run(run_id)

        _ask(world, self.server, collect, "", "", "")


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
        batch += world.stream.told[self.function][-self.again :] if self.again else []
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


def _ask(world: World, server: int, call: _Call, target: str, key: str, text: str) -> None:
    world.clock.pass_by(1)
    # What MLflow refuses is refused.
    with contextlib.suppress(MlflowException):
        call(world.servers[server], target, key, text)


@dataclass(frozen=True)
class InTurn:
    """Several steps, one after the other."""

    steps: tuple[Step, ...]

    def do(self, world: World) -> None:
        for step in self.steps:
            step.do(world)


_ALL = 1000
_REQUESTS = 16
_servers = st.sampled_from((0, 1))
_few = st.integers(0, 1)
_keys, _values = st.sampled_from(TAGS), st.sampled_from(VALUES)
_functions = st.sampled_from(FUNCTIONS)
_requests = st.integers(0, _REQUESTS)

_runs = st.builds(OnRun, _servers, st.sampled_from(tuple(RUN_CALLS)), _few, _keys, _values)
_experiments = st.builds(
    OnExperiment, _servers, st.sampled_from(tuple(EXPERIMENT_CALLS)), _few, _keys, _values
)
_changes: st.SearchStrategy[Step] = st.one_of(_runs, _runs, _experiments)
_deliveries = st.builds(
    Deliver,
    function=_functions,
    size=st.integers(1, 12),
    late=st.booleans(),
    backwards=st.booleans(),
    again=st.sampled_from((0, 2, 10)),
    noted=st.booleans(),
)
_everything = st.builds(
    Deliver,
    function=_functions,
    size=st.just(_ALL),
    late=st.just(False),
    backwards=st.booleans(),
    again=st.sampled_from((0, 0, 10)),
    noted=st.just(True),
)
_others: st.SearchStrategy[Step] = st.one_of(
    st.builds(NewRun, _servers, _few, _keys, _values),
    st.builds(NewExperiment, _servers, st.sampled_from(TEXTS)),
    st.builds(CollectGarbage, _servers, st.sampled_from((0, 40 * DAY * 1000))),
    st.builds(Pass, st.sampled_from((1, HOUR, 45 * DAY, 91 * DAY))),
    st.builds(Expire, st.sampled_from((1, 100))),
    st.just(Replay()),
)
_steps: st.SearchStrategy[Step] = st.one_of(_changes, _changes, _deliveries, _others)


def _in_turn(*steps: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    return st.tuples(*steps).map(InTurn)


# What breaks projections is a change while one is at work, and someone else's work on that change.
_disturbances = st.one_of(
    _steps, _changes, _in_turn(_changes, _everything), _in_turn(_changes, _everything, _changes)
)
_disturbed = st.lists(st.tuples(_requests, _disturbances), max_size=2).map(tuple)
_crashes = st.one_of(st.none(), st.none(), st.none(), _requests)
_happenings = st.one_of(
    st.builds(Happening, _changes),
    st.builds(Happening, _everything, _disturbed, _crashes),
    st.builds(Happening, st.one_of(_everything, st.just(Replay())), _disturbed, _crashes),
    st.builds(Happening, _steps, _disturbed, _crashes),
)
histories = st.lists(_happenings, min_size=8, max_size=30)


@dataclass(frozen=True)
class Race:
    """What two at a time do: changes, and what else changes while a function is at work on each;
    another instance of the function has then done its work before the first one goes on."""

    before: tuple[Step, ...]
    changes: tuple[OnRun | OnExperiment, ...]
    meanwhile: tuple[OnRun | OnExperiment, ...]
    function: str
    crash_after: int | None

    def at(self, request: int) -> Happening:
        """The race in which the other one cuts in before a request."""
        change = _distinct(self.changes, request, "a")
        other = _distinct(self.meanwhile, request, "b")
        all_of_it = Deliver(self.function, _ALL, False, False, 0, True)
        crash_at = None if self.crash_after is None else request + self.crash_after
        rival = InTurn((other, all_of_it))
        return Happening(InTurn((change, all_of_it)), ((request, rival),), crash_at)


def _distinct(steps: tuple[OnRun | OnExperiment, ...], number: int, suffix: str) -> Step:
    """One of the steps, with a text that no other has: so that it is a change."""
    step = steps[number % len(steps)]
    return replace(step, text=f"{step.text}{number}{suffix}")


_run_0 = st.builds(
    OnRun, st.just(0), st.sampled_from(tuple(RUN_CALLS)[:-1]), st.just(0), _keys, _values
)
_experiment_0 = st.builds(
    OnExperiment,
    st.just(0),
    st.sampled_from(tuple(EXPERIMENT_CALLS)[:-1]),
    st.just(0),
    _keys,
    _values,
)
_tags_0 = st.builds(OnRun, st.just(0), st.just("set a tag of"), st.just(0), _keys, _values)
_one_place = st.one_of(_run_0, _tags_0, _experiment_0)
_ended = st.builds(OnRun, st.just(0), st.just("end"), st.just(0), _keys, _values)
races = st.builds(
    Race,
    before=st.tuples(st.one_of(_ended, _ended, _one_place), _one_place),
    changes=st.lists(_one_place, min_size=2, max_size=5).map(tuple),
    meanwhile=st.lists(_one_place, min_size=2, max_size=5).map(tuple),
    function=_functions,
    crash_after=st.one_of(st.none(), st.none(), st.integers(0, 3)),
)
