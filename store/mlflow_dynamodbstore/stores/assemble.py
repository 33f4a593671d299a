"""Stores made of parts: MLflow is given one class, whose methods are those of plain objects.

A part is a class with typed collaborators (a table, a scope, a lookup, other parts). Each public
method of a part becomes a method of the store, and so does what a part lists in ``serves``: the
methods that MLflow calls though its abstract class does not name them, or though their names begin
with an underscore. What no part offers is refused, see ``refusals``.
"""

from __future__ import annotations

import abc
import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Final, TypeVar

from dynamodbstore_table.errors import DamagedItem, TableError
from dynamodbstore_table.request_count import REQUESTS
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore import logs
from mlflow_dynamodbstore.core.arguments import plain
from mlflow_dynamodbstore.core.errors import as_mlflow_error, is_wrong_call, unexpected
from mlflow_dynamodbstore.core.unreadable import UNREADABLE, again, writes_of
from mlflow_dynamodbstore.slow_calls import LIMIT
from mlflow_dynamodbstore.stores.refusals import Method, open_methods, stand_in

_S = TypeVar("_S", bound=type)

_WITHIN_A_CALL: Final = ContextVar("within a call of a store's method", default=False)


def assembled(
    base: type, parts: Collection[type], beyond: Iterable[str] = ()
) -> Callable[[_S], _S]:
    """Class decorator: give a store the methods of its parts, and stand-ins for the other methods
    that ``base``, MLflow's abstract class, leaves to a store.

    ``beyond`` are methods that only MLflow's SQL store has. An instance keeps its parts in
    ``_parts``, by class (``by_class``). ``offered`` of the class has the part of each method.
    Raises ``TypeError`` for a part whose methods are not MLflow's or are in two parts.
    """

    def assemble(store: _S) -> _S:
        offered: dict[str, type] = {}
        for part in parts:
            for name, method in methods_of(part, base):
                if name in offered:
                    raise TypeError(f"{name} is in two parts: {offered[name].__name__}, {part}")
                offered[name] = part
                setattr(store, name, called_on(part, method))
        declared = open_methods(base)
        for name in {*declared, *beyond} - offered.keys():
            setattr(store, name, stand_in(name, declared.get(name)))
        store.offered = offered  # type: ignore[attr-defined]
        abc.update_abstractmethods(store)
        return store

    return assemble


def by_class(*parts: object) -> Mapping[type, object]:
    """The parts of an instance of a store, as its methods find them."""
    return {type(part): part for part in parts}


def methods_of(part: type, base: type) -> Iterator[tuple[str, Method]]:
    """The methods that a part offers, by name.

    Raises ``TypeError`` where ``base`` does not name a public method that the part does not list
    in ``serves``, or names it with other parameters.
    """
    serves: tuple[str, ...] = getattr(part, "serves", ())
    if missing := [name for name in serves if not hasattr(part, name)]:
        raise TypeError(f"{part.__name__}.serves names {missing}, which it has no methods for.")
    for name, method in inspect.getmembers(part, inspect.isfunction):
        if name.startswith("_") and name not in serves:
            continue
        declared = inspect.getattr_static(base, name, None)
        if declared is None and name not in serves:
            raise TypeError(
                f"{part.__name__}.{name} is no method of MLflow's {base.__module__}.{base.__name__}"
                f". Correct the name, or list it in {part.__name__}.serves."
            )
        if declared is not None and _parameters(declared) != _parameters(method):
            raise TypeError(
                f"{part.__name__}.{name} has the parameters {_parameters(method)}, and MLflow's "
                f"{_parameters(declared)}. Use MLflow's."
            )
        yield name, method


def called_on(part: type, method: Method) -> Method:
    """A method of a store that calls the method of its part.

    Its arguments hold plain text (see ``arguments``). It raises MLflow's errors in place of the
    table's, and of any other, makes the call again where an item of another shape was in the way,
    and logs the call if it is slow, unless another method of a store made it: that one does. What
    this adds to a call is about a microsecond.
    """
    operation = method.__name__.lstrip("_")

    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if _WITHIN_A_CALL.get():
            try:
                return method(self._parts[part], *args, **kwargs)
            except DamagedItem:
                # The outermost call is made again.
                raise
            except TableError as error:
                raise as_mlflow_error(error) from error
        requests, begin, writes = REQUESTS.made, perf_counter(), writes_of(self._table)
        outermost = _WITHIN_A_CALL.set(True)
        try:
            values = tuple(map(plain, args))
            named = {name: plain(value) for name, value in kwargs.items()}
            try:
                return method(self._parts[part], *values, **named)
            except UNREADABLE as error:
                if is_wrong_call(error):
                    raise
                return again(
                    self._table,
                    writes,
                    error,
                    lambda: method(self._parts[part], *values, **named),
                )
        except TableError as error:
            raise as_mlflow_error(error) from error
        except MlflowException:
            raise
        except Exception as error:
            if is_wrong_call(error):
                raise
            raise unexpected(operation, error) from error
        finally:
            _WITHIN_A_CALL.reset(outermost)
            seconds = perf_counter() - begin
            if seconds >= LIMIT.seconds:
                logs.slow_operation(operation, seconds * 1000, REQUESTS.made - requests)

    return call


def _parameters(method: Method) -> list[str]:
    return list(inspect.signature(method).parameters)
