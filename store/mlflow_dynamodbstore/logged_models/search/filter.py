"""What a search for logged models asks of each model: a value, evaluated without a table.

MLflow's parser reads the filter; the meaning is that of its SQL store on SQLite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR

from mlflow_dynamodbstore.core.text_values import text_of
from mlflow_dynamodbstore.logged_models.logged_model_items import ModelItems, is_deleted
from mlflow_dynamodbstore.logged_models.search.columns import (
    COLLECTIONS,
    COLUMNS,
    NUMBERS,
    TIMES,
    column_value,
    valid_columns,
)
from mlflow_dynamodbstore.search.comparisons import Predicate, predicate

Clause: TypeAlias = tuple[str, Predicate]

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_LISTS = ("IN", "NOT IN")


@dataclass(frozen=True, slots=True)
class DatasetClause:
    """A metric's dataset has this name and, unless ``any_digest``, this digest (None: none)."""

    name: str
    digest: str | None
    any_digest: bool

    def accepts(self, metric: Metric) -> bool:
        if metric.dataset_name != self.name:
            return False
        return self.any_digest or metric.dataset_digest == self.digest


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """The clauses of a filter by what they look at; a model passes if all of them hold."""

    attributes: tuple[Clause, ...] = ()
    tags: tuple[Clause, ...] = ()
    params: tuple[Clause, ...] = ()
    metrics: tuple[Clause, ...] = ()
    datasets: tuple[DatasetClause, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether it has any clause."""
        return self != _NOTHING

    def meta_passes(self, meta: Mapping[str, Any]) -> bool:
        """Whether a META item is that of a model in use with the attributes asked for."""
        return not is_deleted(meta) and all(
            test(column_value(meta, column)) for column, test in self.attributes
        )

    def texts_pass(self, tags: Mapping[str, str | None], params: Mapping[str, str | None]) -> bool:
        """Whether the tags and params hold what is asked for (a missing one holds nothing)."""
        return all(key in tags and test(tags[key]) for key, test in self.tags) and all(
            key in params and test(params[key]) for key, test in self.params
        )

    def metrics_pass(self, metrics: Sequence[Metric]) -> bool:
        """Whether for each clause some metric, of one of the datasets if any are named, holds.

        Datasets alone ask for any metric of one of them.
        """
        if self.datasets:
            metrics = [m for m in metrics if any(d.accepts(m) for d in self.datasets)]
            if not metrics:
                return False
        return all(
            any(metric.key == key and test(metric.value) for metric in metrics)
            for key, test in self.metrics
        )

    def passes(self, model: ModelItems) -> bool:
        """Whether a whole model passes."""
        return (
            self.meta_passes(model.meta)
            and self.texts_pass(model.tags, model.params)
            and self.metrics_pass(model.metrics)
        )


_NOTHING = ModelFilter()


def parse_filter(
    filter_string: str | None, datasets: Sequence[Mapping[str, Any]] | None
) -> ModelFilter:
    """Read a filter and the datasets of a search.

    Raises ``INVALID_PARAMETER_VALUE`` for what MLflow's parser refuses, ``INTERNAL_ERROR`` for an
    unknown attribute or a malformed number or list, and ``BAD_REQUEST`` for a value that the
    comparator can't take: MLflow's own codes.
    """
    # It needs sqlalchemy, and mlflow imported whole: not to be had while plugins are loaded.
    from mlflow.utils.search_logged_model_utils import EntityType, parse_filter_string

    try:
        comparisons = parse_filter_string(filter_string)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise MlflowException(
            f"Invalid filter string {filter_string!r}: {error}. Numbers stand without quotes, and "
            "a list looks like ('a', 'b').",
            INTERNAL_ERROR,
        ) from None
    clauses: dict[Any, list[Clause]] = {kind: [] for kind in EntityType}
    for comparison in comparisons:
        kind, key = comparison.entity.type, comparison.entity.key
        if kind == EntityType.ATTRIBUTE:
            test = _attribute_test(key, comparison.op, comparison.value)
        elif kind == EntityType.METRIC:
            test = _number_test(comparison.op, comparison.value)
        else:
            test = _text_test(comparison.op, comparison.value)
        clauses[kind].append((key, test))
    return ModelFilter(
        attributes=tuple(clauses[EntityType.ATTRIBUTE]),
        tags=tuple(clauses[EntityType.TAG]),
        params=tuple(clauses[EntityType.PARAM]),
        metrics=tuple(clauses[EntityType.METRIC]),
        datasets=tuple(
            DatasetClause(d["dataset_name"], d.get("dataset_digest"), "dataset_digest" not in d)
            for d in datasets or ()
        ),
    )


def _attribute_test(column: str, op: str, value: Any) -> Predicate:
    if column in COLLECTIONS:
        _refuse(f"The attribute {column!r} can't be compared; name one key, as in tags.key = 'x'.")
    if column not in COLUMNS:
        raise MlflowException(
            f"Invalid attribute {column!r} in a filter of logged models. Valid attributes are "
            f"{valid_columns()}.",
            INTERNAL_ERROR,
        )
    if column in TIMES:
        return _number_test(op, value)
    if column in NUMBERS:
        return _number_column_test(op, value)
    return _text_test(op, value)


def _number_test(op: str, value: float) -> Predicate:
    # SQLite has no NaN: it is NULL there, which nothing compares with.
    return _never if math.isnan(value) else predicate(op, value)


def _text_test(op: str, value: Any) -> Predicate:
    if op in _LISTS:
        members = _members(op, value)
        if op == "NOT IN" and not members:
            return _always
        if op == "NOT IN" and None in members:
            return _never
        return predicate(op, tuple(_text(op, m) for m in members if m is not None))
    if value is None:
        return _null_test(op)
    return predicate(op, _text(op, value))


def _number_column_test(op: str, value: Any) -> Predicate:
    if op in ("LIKE", "ILIKE"):
        matches = _text_test(op, value)
        return lambda found: matches(str(found))
    if op in _LISTS:
        members = _members(op, value)
        if op == "NOT IN" and None in members:
            return _never
        return predicate(op, tuple(_number(_text(op, m)) for m in members if m is not None))
    if value is None:
        return _null_test(op)
    number = _number(_text(op, value))
    if isinstance(number, str):
        return _never if op == "=" else _always
    return predicate(op, number)


def _members(op: str, value: Any) -> Sequence[Any]:
    if isinstance(value, tuple | list):
        return value
    return _refuse(f"The comparator {op} takes a list such as ('a', 'b'), not {value!r}.")


def _text(op: str, value: Any) -> str:
    text = text_of(value)
    if text is None:
        _refuse(f"The comparator {op} can't take the value {value!r}; give a text such as 'a'.")
    return text


def _number(text: str) -> float | str:
    """What SQLite makes of text that meets a column of numbers."""
    if not _NUMBER.fullmatch(text):
        return text
    return int(text) if text.strip().lstrip("+-").isdigit() else float(text)


def _null_test(op: str) -> Predicate:
    if op == "=":
        return lambda found: found is None
    if op == "!=":
        return lambda found: found is not None
    return _never


def _never(found: Any) -> bool:
    return False


def _always(found: Any) -> bool:
    return True


def _refuse(message: str) -> NoReturn:
    raise MlflowException(message, BAD_REQUEST)
