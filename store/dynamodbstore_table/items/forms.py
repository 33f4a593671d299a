"""The form of an entity: what its META item, and the items below it, look like.

Every META item names its form in the attribute ``v``; one without it has form 1. Items of older
forms are read for ever: they are brought to the newest form as they are read, and stay as they are
in the table. An entity of a newer form than this code knows is neither read nor changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar, cast

from dynamodbstore_events.entities import EXPERIMENT, FORM, MODEL, REGISTERED_MODEL, RUN, TRACE
from dynamodbstore_events.keys import WEBHOOK

from dynamodbstore_table.errors import NewerForm

M = TypeVar("M", bound=Mapping[str, Any])
Step: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
Steps: TypeAlias = Mapping[str, tuple[Step, ...]]

STEPS: Final[Steps] = {
    EXPERIMENT: (),
    RUN: (),
    MODEL: (),
    REGISTERED_MODEL: (),
    TRACE: (),
    WEBHOOK: (),
}
"""By kind of entity, the functions that make of a META item one of the next form: the first makes
form 2 of form 1. A kind has one form more than functions."""


def newest_form(kind: str, steps: Steps = STEPS) -> int:
    """The form that entities of a kind are written in."""
    return len(steps[kind]) + 1


def current(kind: str, meta: M, steps: Steps = STEPS) -> M:
    """A META item in the newest form; itself where it has that. Raises ``NewerForm``."""
    form, newest = meta.get(FORM, 1), len(steps.get(kind, ())) + 1
    if form == newest:
        return meta
    check_form(kind, meta, steps)
    made = dict(meta)
    for step in steps[kind][form - 1 :]:
        made = step(made)
    return cast("M", {**made, FORM: newest})


def check_form(kind: str, meta: Mapping[str, Any], steps: Steps = STEPS) -> None:
    """Raise ``NewerForm`` for a META item of a form that this code does not know.

    ``meta`` may lack everything but ``PK`` and ``v``; a kind without forms has form 1 only.
    """
    if not is_known(kind, meta, steps):
        raise NewerForm(str(meta["PK"]), meta[FORM], len(steps.get(kind, ())) + 1)


def is_known(kind: str, meta: Mapping[str, Any], steps: Steps = STEPS) -> bool:
    """Whether this code knows the form of a META item; see ``check_form``."""
    form = meta.get(FORM, 1)
    return type(form) is int and 1 <= form <= len(steps.get(kind, ())) + 1
