"""Histories: what may happen to a table, for hypothesis to put together and to make short."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from hypothesis import strategies as st

from tests.projections.steps import (
    DAY,
    EXPERIMENT_CALLS,
    HOUR,
    MODEL_CALLS,
    RUN_CALLS,
    TAGS,
    TEXTS,
    VALUES,
    CollectGarbage,
    Deliver,
    Expire,
    Happening,
    InTurn,
    NewExperiment,
    NewModel,
    NewRun,
    OnExperiment,
    OnModel,
    OnRun,
    Pass,
    Replay,
    Step,
)
from tests.projections.streamed import FUNCTIONS

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
_models = st.builds(OnModel, _servers, st.sampled_from(tuple(MODEL_CALLS)), _few, _keys, _values)
_changes: st.SearchStrategy[Step] = st.one_of(_runs, _runs, _experiments, _models)
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
    st.builds(NewModel, _servers, st.sampled_from(TEXTS)),
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


Change: TypeAlias = OnRun | OnExperiment | OnModel


@dataclass(frozen=True)
class Race:
    """What two at a time do: changes, and what else changes while a function is at work on each;
    another instance of the function has then done its work before the first one goes on. If it
    ``returns``, what else changes is the same thing, back to what it was."""

    before: tuple[Step, ...]
    changes: tuple[Change, ...]
    meanwhile: tuple[Change, ...]
    function: str
    crash_after: int | None
    returns: bool

    def at(self, request: int) -> Happening:
        """The race in which the other one cuts in before a request."""
        change = _distinct(self.changes, request, "a")
        other: Step = self.changes[request % len(self.changes)]
        if not self.returns:
            other = _distinct(self.meanwhile, request, "b")
        all_of_it = Deliver(self.function, _ALL, False, False, 0, True)
        crash_at = None if self.crash_after is None else request + self.crash_after
        rival = InTurn((other, all_of_it))
        return Happening(InTurn((change, all_of_it)), ((request, rival),), crash_at)


def _distinct(steps: tuple[Change, ...], number: int, suffix: str) -> Step:
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
_model_0 = st.builds(
    OnModel, st.just(0), st.sampled_from(tuple(MODEL_CALLS)[:-1]), st.just(0), _keys, _values
)
_one_place = st.one_of(_run_0, _tags_0, _experiment_0, _model_0)
_ended = st.builds(OnRun, st.just(0), st.just("end"), st.just(0), _keys, _values)
races = st.builds(
    Race,
    before=st.tuples(st.one_of(_ended, _ended, _one_place), _one_place),
    changes=st.lists(_one_place, min_size=2, max_size=5).map(tuple),
    meanwhile=st.lists(_one_place, min_size=2, max_size=5).map(tuple),
    function=_functions,
    crash_after=st.one_of(st.none(), st.none(), st.integers(0, 3)),
    returns=st.booleans(),
)
