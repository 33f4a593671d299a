"""Two stores that receive the same calls."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from hypothesis import currently_in_test_context, note
from mlflow.exceptions import MlflowException

from .differences import ANSWER, Outcome, agree
from .frozen import World
from .plain import logged_order, plain, unordered

_MOST_PAGES = 30


class Side(Protocol):
    """A store that can be emptied."""

    store: Any

    def empty(self) -> None: ...


class Pair:
    """MLflow's SQL store and ours; ``report`` receives every call with its answer."""

    def __init__(
        self, theirs: Side, ours: Side, world: World, report: Callable[[str], None] = note
    ) -> None:
        self.theirs, self.ours, self.world = theirs, ours, world
        self._report = report
        self.disagreed = False
        self.failed_with: str | None = None

    def empty(self) -> None:
        """Both stores as they are when they are new."""
        self.world.begin()
        for side in (self.theirs, self.ours):
            self.world.again()
            side.empty()
        self.disagreed = False

    def call(self, method: str, *args: Any, **named: Any) -> Any:
        """Call a method of both stores; returns the SQL store's own answer, None for an error."""

        def call(store: Any) -> Any:
            return getattr(store, method)(*copy.deepcopy(args), **copy.deepcopy(named))

        return self.compare(_shown(method, args, named), call)

    def call_unordered(self, method: str, *args: Any, **named: Any) -> Any:
        """Like ``call`` for a listing whose order means nothing."""

        def call(store: Any) -> Any:
            return unordered(getattr(store, method)(*args, **named))

        return self.compare(_shown(method, args, named), call)

    def call_pages(self, method: str, **named: Any) -> Any:
        """Follow a listing's pages, each store by its own tokens; compares page by page."""

        def call(store: Any) -> list[Any]:
            pages: list[Any] = []
            token = None
            while len(pages) < _MOST_PAGES:
                page = getattr(store, method)(**copy.deepcopy(named), page_token=token)
                pages.append(page)
                token = page.token
                if not token:
                    break
            return pages

        return self.compare(_shown(f"pages of {method}", (), named), call)

    def compare(self, called: str, call: Callable[[Any], Any]) -> Any:
        """Call both stores; raises ``AssertionError`` that shows both outcomes if they disagree."""
        self.world.question()
        theirs, answer = _outcome(self.theirs.store, call)
        self.world.again()
        ours, our_answer = _outcome(self.ours.store, call)
        if currently_in_test_context():
            self._report(f"{called}  # {_short(theirs)}")
        if not agree(called, theirs, ours):
            self.disagreed = True
            raise AssertionError(
                f"{called}\n  MLflow's SQL store: {_difference(theirs, ours)}\n"
                f"  ours:               {_difference(ours, theirs)}"
            )
        in_order, ours_in_order = logged_order(answer), logged_order(our_answer)
        if theirs == ours and in_order != ours_in_order:
            self.disagreed = True
            raise AssertionError(
                f"{called}\n  the order in which MLflow's SQL store has what was logged: "
                f"{_only(in_order, ours_in_order)}\n  ours: {_only(ours_in_order, in_order)}"
            )
        self.failed_with = theirs.value if theirs.kind == "error" else None
        return answer


def _outcome(store: Any, call: Callable[[Any], Any]) -> tuple[Outcome, Any]:
    try:
        answer = call(store)
    except MlflowException as error:
        wrapped = error.__cause__ is not None and not isinstance(error.__cause__, MlflowException)
        return Outcome("error", error.error_code, str(error.message), wrapped), None
    except Exception as error:
        return Outcome(type(error).__name__, None, str(error)), None
    return Outcome(ANSWER, plain(answer)), answer


def _shown(method: str, args: Iterable[Any], named: dict[str, Any]) -> str:
    parts = [_brief(a) for a in args] + [f"{k}={_brief(v)}" for k, v in named.items()]
    return f"{method}({', '.join(parts)})"


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]}…({len(text)} characters)"


def _short(outcome: Outcome) -> str:
    if outcome.kind == ANSWER:
        return _brief(outcome.value)
    return f"{outcome.value or outcome.kind}: {outcome.message[:200]}"


def _difference(outcome: Outcome, other: Outcome) -> str:
    """The outcome; of two long answers only what differs."""
    if outcome.kind != ANSWER:
        return f"{outcome.value or outcome.kind}: {outcome.message[:600]}"
    if other.kind != ANSWER:
        return repr(outcome.value)[:2000]
    return repr(_only(outcome.value, other.value))[:3000]


def _only(value: Any, other: Any) -> Any:
    if isinstance(value, dict) and isinstance(other, dict) and value.keys() == other.keys():
        return {k: _only(v, other[k]) for k, v in value.items() if v != other[k]}
    if isinstance(value, list) and isinstance(other, list) and len(value) == len(other):
        pairs = zip(value, other, strict=True)
        return {i: _only(v, o) for i, (v, o) in enumerate(pairs) if v != o}
    return value
