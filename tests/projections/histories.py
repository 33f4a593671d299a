"""Histories: what may happen to a table, for hypothesis to put together and to make short."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

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
    Change,
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
    Rebuild,
    Replay,
    Step,
)
from tests.projections.streamed import FUNCTIONS, SEARCH

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


Other: TypeAlias = Literal["the same", "another", "back"]


@dataclass(frozen=True)
class Race:
    """What two at a time do: changes, and what else changes while someone is at work on each; a
    function has then done its work on that before the first one goes on.

    What else changes is the same thing to something else, or another thing, or the same thing
    ``back`` to what it was. The first one is an instance of the function; or a ``rebuild``, which
    nobody begins anew if it ends early.
    """

    before: tuple[Step, ...]
    changes: tuple[Change, ...]
    meanwhile: tuple[Change, ...]
    other: Other
    function: str
    rebuild: bool
    crash_after: int | None

    def at(self, request: int) -> Happening:
        """The race in which the other one cuts in before a request."""
        step = self.changes[request % len(self.changes)]
        others = self.meanwhile or (step,)
        rivals = {
            "the same": _distinct(step, request, "b"),
            "another": _distinct(others[request % len(others)], request, "b"),
            "back": step,
        }
        everywhere = FUNCTIONS if self.rebuild else (self.function,)
        work = tuple(Deliver(function, _ALL, False, False, 0, True) for function in everywhere)
        first = (Rebuild(step),) if self.rebuild else work
        rival = InTurn((rivals[self.other], *work))
        crash_at = None if self.crash_after is None else request + self.crash_after
        if self.rebuild and self.other == "back":
            # Who writes what was so for a moment must be there to look again.
            crash_at = None
        change = _distinct(step, request, "a")
        return Happening(InTurn((change, *first)), ((request, rival),), crash_at)


def _distinct(step: Change, number: int, suffix: str) -> Step:
    """The step with a text that no other has: so that it is a change."""
    return replace(step, text=f"{step.text}{number}{suffix}")


_changing = (
    ("set a tag of", "rename", "end", "fail", "log a param of", "delete", "restore"),
    ("set a tag of", "rename", "delete", "restore"),
    ("set a tag of", "rename", "add a version to"),
)
_run_0, _experiment_0, _model_0 = (
    st.builds(what, st.just(0), st.sampled_from(calls), st.just(0), _keys, _values)
    for what, calls in zip((OnRun, OnExperiment, OnModel), _changing, strict=True)
)
_texts_0 = st.builds(
    OnRun, st.just(0), st.sampled_from(("set a tag of", "rename")), st.just(0), _keys, _values
)
_one_place = st.one_of(_run_0, _texts_0, _experiment_0, _model_0)
_ended = st.builds(OnRun, st.just(0), st.just("end"), st.just(0), _keys, _values)
_any_race = st.builds(
    Race,
    before=st.tuples(_one_place, st.one_of(_ended, _ended, _ended, _one_place)),
    changes=st.lists(_one_place, min_size=1, max_size=3).map(tuple),
    meanwhile=st.lists(_one_place, min_size=1, max_size=3).map(tuple),
    other=st.sampled_from(("the same", *get_args(Other))),
    function=_functions,
    rebuild=st.booleans(),
    crash_after=st.sampled_from((None, None, 1, 1, 1, 2, 3)),
)
# Only a second look distinguishes an unchanged item from one that changed to and fro.
_to_and_fro = st.builds(
    Race,
    before=st.tuples(_ended),
    changes=st.tuples(_texts_0),
    meanwhile=st.just(()),
    other=st.just("back"),
    function=st.just(SEARCH),
    rebuild=st.booleans(),
    crash_after=st.none(),
)
races = st.one_of(_any_race, _any_race, _any_race, _to_and_fro)
