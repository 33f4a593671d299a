"""The arguments of a store's methods as its parts get them: every text is plain ``str``.

Callers give text as instances of subclasses of ``str`` (an ``Enum`` with text for values,
``numpy.str_``), whose ``format`` and ``hash`` may be another text's. Here, once for all methods,
each becomes the text that MLflow's SQL store keeps: its characters. Text that is not Unicode is
refused here too, before anything is read or written.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final

from mlflow.entities import Metric
from mlflow.entities._mlflow_object import _MlflowObject
from mlflow.exceptions import MlflowException

_AS_IT_IS: Final = frozenset({type(None), bool, int, float, bytes})
_LONGEST_SHOWN: Final = 100
# Where an entity has text, MLflow's own enums are given for their text, too.
_TEXTS: Final = ("_key", "_value")


def plain(value: Any) -> Any:
    """The argument with plain text for every text in it: in lists and dicts, and in MLflow's
    entities (copied, not changed).

    MLflow's own enums stay: a status is meant as one. So do lists of metrics: the checks of a
    batch look at each key anyway (``batch_checks``), and a second look takes a third of its time.
    Raises ``INVALID_PARAMETER_VALUE`` for text with half of a surrogate pair.
    """
    kind = type(value)
    if kind is str:
        return _unicode(value)
    if kind in _AS_IT_IS or _is_meant(value):
        return value
    return _plain_within(value)


def _plain_within(value: Any) -> Any:
    if isinstance(value, str):
        return _exact(value)
    if isinstance(value, _MlflowObject):
        return plain_entity(value)
    if type(value) in (list, tuple):
        if value and type(value[0]) is Metric:
            return value
        return _unless_equal(value, map(plain, value))
    if type(value) is dict:
        return {plain(key): plain(inner) for key, inner in value.items()}
    return value


def plain_entity(entity: Any) -> Any:
    """An entity with plain text for every text in it; the same one where it has no other."""
    changed = {}
    for name, value in vars(entity).items():
        given_for_its_text = name in _TEXTS and isinstance(value, str)
        text = _exact(value) if given_for_its_text else plain(value)
        if text is not value:
            changed[name] = text
    if not changed:
        return entity
    copied = copy.copy(entity)
    vars(copied).update(changed)
    return copied


def is_plain(value: Any) -> bool:
    """Whether a text is plain, or None."""
    return value is None or type(value) is str


def _is_meant(value: Any) -> bool:
    return isinstance(value, Enum) and type(value).__module__.startswith("mlflow.")


def _unless_equal(values: Sequence[Any], converted: Iterable[Any]) -> Sequence[Any]:
    found = list(converted)
    if all(new is old for new, old in zip(found, values, strict=True)):
        return values
    return tuple(found) if type(values) is tuple else found


def _exact(text: str) -> str:
    return _unicode(text if type(text) is str else str.__str__(text))


def _unicode(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = ascii(text[:_LONGEST_SHOWN])
        raise MlflowException.invalid_parameter_value(
            f"Invalid text {shown}: {text[error.start]!a} is half of a surrogate pair, which is "
            "not Unicode text. Cut text between its characters."
        ) from None
    return text
