"""What a store does not offer: which methods these are, and what they do when they are called.

MLflow's abstract classes name everything that MLflow may call. What they leave open and no part of
a store offers is computed, so that a method is either offered or refused, also one that the next
MLflow adds. A list or a search of things that can't be kept is truthfully empty: the UI's pages
open. Everything else is refused with ``NOT_IMPLEMENTED``, which clients do not retry.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from mlflow.exceptions import MlflowNotImplementedException
from mlflow.store.entities.paged_list import PagedList

Method = Callable[..., Any]

_LISTS: Final = ("list_", "search_")
_OF_EXPERIMENTS: Final = {"self", "experiment_id", "experiment_ids"}
_LEFT_OPEN: Final = {"NotImplementedError", "MlflowNotImplementedException"}
_NOTHING: Final = (lambda: None).__code__.co_code


class NotOffered(MlflowNotImplementedException, NotImplementedError):
    """``NOT_IMPLEMENTED``, for those of MLflow's callers that look for Python's own exception too:
    the tracing client stops sending spans, the OTLP route answers 501."""


def open_methods(base: type) -> dict[str, Method]:
    """The methods that one of MLflow's abstract classes names and leaves to a store, by name."""
    return {
        name: method
        for name, method in inspect.getmembers(base, inspect.isfunction)
        if not name.startswith("__") and is_left_open(method)
    }


def is_left_open(method: Method) -> bool:
    """Whether a method is abstract, does nothing, or only raises that it is not implemented."""
    code = inspect.unwrap(method).__code__
    return (
        getattr(method, "__isabstractmethod__", False)
        or code.co_code == _NOTHING
        or not _LEFT_OPEN.isdisjoint(code.co_names)
    )


def stand_in(name: str, declared: Method | None) -> Method:
    """What a store does when a method that it does not offer is called.

    ``declared`` is MLflow's own declaration, None for a method that only MLflow's SQL store has.
    """
    if declared is not None and _lists_everything(name, declared):
        return _empty_list(name, declared)
    return _refusal(name, declared)


def is_stand_in(method: Method) -> bool:
    """Whether a method of a store only stands in for one that the store does not offer."""
    return inspect.unwrap(method).__code__.co_filename == __file__


def _lists_everything(name: str, declared: Method) -> bool:
    """Whether it lists what is kept in all, or in experiments, and not in one thing of a kind that
    can't be there."""
    parameters = inspect.signature(declared).parameters.values()
    needed = {p.name for p in parameters if p.default is p.empty and p.kind != p.VAR_KEYWORD}
    return name.startswith(_LISTS) and needed <= _OF_EXPERIMENTS


def _empty_list(name: str, declared: Method) -> Method:
    paged = "PagedList" in str(inspect.signature(declared).return_annotation)

    def find_nothing(self: object, *args: Any, **kwargs: Any) -> list[Any]:
        return PagedList([], None) if paged else []

    return _named(name, declared, find_nothing)


def _refusal(name: str, declared: Method | None) -> Method:
    shown = name.lstrip("_")

    def refuse(self: object, *args: Any, **kwargs: Any) -> None:
        # What is kept follows from the finished stores, which are made of these refusals.
        from mlflow_dynamodbstore.stores.kept import kept

        raise NotOffered(
            f"{shown} is not available: this version of the DynamoDB store keeps "
            f"{', '.join(kept())}. Use a store of another kind for what else MLflow offers."
        )

    return _named(name, declared, refuse)


def _named(name: str, declared: Method | None, function: Method) -> Method:
    if declared is not None:
        function.__doc__ = declared.__doc__
        function.__signature__ = inspect.signature(declared)  # type: ignore[attr-defined]
    function.__name__ = name
    return function
