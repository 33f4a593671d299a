"""MLflow's entities as plain values that can be compared and read."""

from __future__ import annotations

import enum
from typing import Any

from mlflow.entities import Experiment, LoggedModel, Run, RunData
from mlflow.entities._mlflow_object import _MlflowObject
from mlflow.store.entities.paged_list import PagedList


def plain(value: Any) -> Any:
    """An answer as a plain value. The order of a listing counts, that inside an entity doesn't: see
    ``logged_order``.

    Floats become text, so that NaN equals NaN and -0.0 differs from 0.0.
    """
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, PagedList):
        return {"page": [plain(v) for v in value], "more": bool(value.token)}
    if isinstance(value, set | frozenset):
        return unordered(value)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _inside(v) for k, v in value.items()}
    if isinstance(value, RunData):
        return {
            "metrics": _inside(value._metric_objs),
            "params": plain(value.params),
            "tags": plain(value.tags),
        }
    if isinstance(value, _MlflowObject):
        return {name: _inside(v) for name, v in value}
    return {name: plain(v) for name, v in vars(value).items()}


def logged_order(answer: Any) -> list[Any]:
    """In which order the runs, logged models and experiments of an answer have their metrics,
    params and tags."""
    if isinstance(answer, list | tuple):
        return [logged_order(entity) for entity in answer]
    if isinstance(answer, Run):
        data = answer.data
        return [list(data.metrics), [m.key for m in data._metric_objs], *_keys(data)]
    if isinstance(answer, LoggedModel):
        return [[(m.key, m.step, m.timestamp) for m in answer.metrics or ()], *_keys(answer)]
    return [list(answer.tags)] if isinstance(answer, Experiment) else []


def _keys(entity: Any) -> list[Any]:
    return [list(entity.params), list(entity.tags)]


def unordered(values: Any) -> list[Any]:
    """A listing whose order means nothing."""
    return sorted((plain(v) for v in values), key=repr)


def _inside(value: Any) -> Any:
    return unordered(value) if isinstance(value, list) else plain(value)
