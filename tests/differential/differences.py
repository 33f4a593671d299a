"""Where our store answers otherwise than MLflow's SQL store, on purpose, and why.

Everything that is not in this table must be the same: answers wholly, errors by code and by the
first sentence of MLflow's own message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a store made of a call: an answer, or an error's code and message."""

    kind: str
    value: Any = None
    message: str = ""
    wrapped: bool = False
    """Whether the message is that of an inner exception: nobody's contract."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that is meant: ``applies`` to (the call, SQL's outcome, ours)."""

    reason: str
    applies: Callable[[str, Outcome, Outcome], bool]


_OWN_WORDS = {
    "Both start_step and end_step must be specified together": "give both or neither",
    "Invalid page token, parsed value={'offset': 0}": "Invalid page token: its offset is 0",
    "Invalid page token, parsed value={}": "Invalid page token: its offset is None",
    "Invalid page token, could not base64-decode": "Invalid page token: it is not base64",
    "Unable to fetch model from model URI source": "Unable to fetch model from model URI source",
}
"""MLflow's words, and ours in their place, which name the value."""

DIFFERENCES = (
    Difference(
        "A tag key given twice for a new experiment: the SQL store reports that its name is taken.",
        lambda call, theirs, ours: (
            call.startswith("create_experiment(")
            and theirs.value == ours.value
            and "given twice" in ours.message
        ),
    ),
    Difference(
        "A number over 64 bits is an internal error of SQLite; to us it is bad, or just not there.",
        lambda call, theirs, ours: (
            "Python int too large to convert to SQLite INTEGER" in theirs.message
            and ours.value in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
        ),
    ),
    Difference(
        "The SQL store looks at an experiment before it finds that no run can be in none.",
        lambda call, theirs, ours: (
            call.startswith("create_run(''") and "A run needs an experiment" in ours.message
        ),
    ),
    Difference(
        "Text that is no Unicode is an internal error of the SQL store; to us it is bad.",
        lambda call, theirs, ours: (
            "surrogates not allowed" in theirs.message
            and ours.value in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
        ),
    ),
    Difference(
        "What is no text is an internal error of the SQL store, or not MLflow's; bad to us.",
        lambda call, theirs, ours: (
            (theirs.kind in ("TypeError", "AttributeError") or theirs.value == "INTERNAL_ERROR")
            and ours.value == "INVALID_PARAMETER_VALUE"
            and "must be text" in ours.message
        ),
    ),
    Difference(
        "A limit that is no whole number: the SQL store takes it or breaks; to us it is bad.",
        lambda call, theirs, ours: (
            ("max_results=1.5" in call or "max_results='1'" in call)
            and "parameter 'max_results' supplied. It must be a positive integer" in ours.message
        ),
    ),
    Difference(
        "A page token that is not ASCII is an internal error of the SQL store; to us it is bad.",
        lambda call, theirs, ours: (
            "string argument should contain only ASCII characters" in theirs.message
            and ours.value == "INVALID_PARAMETER_VALUE"
        ),
    ),
    Difference(
        "A logged model that isn't there and a param key given twice: we see the bad data first.",
        lambda call, theirs, ours: (
            call.startswith("log_logged_model_params(")
            and theirs.value == "RESOURCE_DOES_NOT_EXIST"
            and "given twice" in ours.message
        ),
    ),
    Difference(
        "A batch with a param that changes and a metric that its model refuses: which comes first.",
        lambda call, theirs, ours: (
            call.startswith("log_batch(")
            and "Changing param values is not allowed" in theirs.message
            and ours.value == "BAD_REQUEST"
            and "logged model" in ours.message
        ),
    ),
    Difference(
        "At most -1 logged models, or 0 registered ones: the SQL store's page token leads nowhere.",
        lambda call, theirs, ours: (
            call.startswith(("search_logged_models(", "search_registered_models("))
            and theirs.value == {"page": [], "more": True}
            and ours.value == {"page": [], "more": False}
        ),
    ),
    Difference(
        "A bad filter or order of a search: an internal error of the SQL store, or not MLflow's.",
        lambda call, theirs, ours: (
            "search_" in call
            and (theirs.kind == "ValueError" or theirs.value == "INTERNAL_ERROR")
            and ours.value == "INVALID_PARAMETER_VALUE"
            and ours.message.startswith("Invalid ")
        ),
    ),
    Difference(
        "IS NULL, or a list of bare words, in a filter of the registry: no MLflow error there.",
        lambda call, theirs, ours: (
            call.startswith(("search_registered_models(", "search_model_versions(", "search_p"))
            and theirs.kind == "ValueError"
            and ours.value == "INVALID_PARAMETER_VALUE"
            and "Invalid filter" in ours.message
        ),
    ),
)


def agree(call: str, theirs: Outcome, ours: Outcome) -> bool:
    """Whether our outcome is the SQL store's, or differs as it is meant to."""
    return _same(theirs, ours) or any(d.applies(call, theirs, ours) for d in DIFFERENCES)


def _same(theirs: Outcome, ours: Outcome) -> bool:
    if theirs.kind != ours.kind or theirs.value != ours.value:
        return False
    return theirs.kind == ANSWER or theirs.wrapped or _same_message(theirs.message, ours.message)


def _same_message(theirs: str, ours: str) -> bool:
    first = re.split(r"\.\s|\n", theirs, maxsplit=1)[0].rstrip(".")
    return first in ours or any(t in theirs and o in ours for t, o in _OWN_WORDS.items())
