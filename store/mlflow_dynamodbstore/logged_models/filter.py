"""The filter and the order of a search for logged models as typed values.

MLflow's parser reads the filter; the meaning is that of its SQL store on SQLite. Timestamps are in
ms. ``status`` is a whole number (1 pending, 2 ready, 3 upload failed), and an experiment id is one
too: MLflow's filters compare text with them, which SQLite reads as a number where it looks like
one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter, methodcaller
from typing import Any, Final, NoReturn

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

from mlflow_dynamodbstore.core.text_values import text_of
from mlflow_dynamodbstore.logged_models.logged_model_items import model_id_of
from mlflow_dynamodbstore.search.clause import ATTRIBUTE, Clause, Column, Field
from mlflow_dynamodbstore.search.comparisons import Predicate, predicate
from mlflow_dynamodbstore.search.order import Order

TAG: Final = "tags"
PARAM: Final = "params"
METRIC: Final = "metrics"
ANY_METRIC: Final = Field(METRIC, "")
CREATED: Final = Field(ATTRIBUTE, "creation_timestamp_ms")
MODEL_ID: Final = Field(ATTRIBUTE, "model_id")

_TEXTS = ("name", "artifact_location", "model_type", "source_run_id", "status_message")
COLUMNS: Final[Mapping[str, Column]] = {
    CREATED.key: Column(itemgetter("created")),
    "last_updated_timestamp_ms": Column(itemgetter("updated")),
    MODEL_ID.key: Column(model_id_of),
    "experiment_id": Column(lambda meta: int(meta["experiment_id"])),
    "status": Column(itemgetter("status")),
    "lifecycle_stage": Column(itemgetter("stage")),
    **{name: Column(methodcaller("get", name)) for name in _TEXTS},
}
_TIMES = frozenset({CREATED.key, "last_updated_timestamp_ms"})
_NUMBERS = frozenset({"status", "experiment_id"})
# MLflow's SQL store knows these names but can neither compare nor sort by them.
_COLLECTIONS = frozenset({"tags", "params", "metrics", "experiment"})
_ALIASES: Final = {
    "creation_time": CREATED.key,
    "creation_timestamp": CREATED.key,
    "last_updated_timestamp": "last_updated_timestamp_ms",
}
_VALID = ", ".join(sorted({*COLUMNS, *_ALIASES}))
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_LISTS = ("IN", "NOT IN")


def parse_filter(
    filter_string: str | None, datasets: Sequence[Mapping[str, Any]] | None
) -> tuple[Clause, ...]:
    """The clauses of a filter; those on metrics hold of a metric of one of the datasets, if any
    are named. Datasets alone are a clause that there is any such metric.

    Raises ``INVALID_PARAMETER_VALUE`` for what MLflow's parser refuses, an unknown attribute, and a
    malformed number or list; ``BAD_REQUEST`` for a value that the comparator can't take.
    """
    counts = partial(_is_of_datasets, datasets or ())
    clauses = _parsed(filter_string, counts) if filter_string else []
    if datasets and not any(clause.on.kind == METRIC for clause in clauses):
        names = tuple(dataset["dataset_name"] for dataset in datasets)
        clauses.append(Clause(ANY_METRIC, "of datasets", names, lambda ms: any(map(counts, ms))))
    return tuple(clauses)


def _parsed(filter_string: str, counts: Callable[[Metric], bool]) -> list[Clause]:
    # It needs sqlalchemy, and mlflow imported whole: not to be had while plugins are loaded.
    from mlflow.utils.search_logged_model_utils import EntityType, parse_filter_string

    try:
        comparisons = parse_filter_string(filter_string)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise MlflowException.invalid_parameter_value(
            f"Invalid filter string {filter_string!r}: {error}. Numbers stand without quotes, and "
            "a list looks like ('a', 'b')."
        ) from None
    kinds = {EntityType.TAG: TAG, EntityType.PARAM: PARAM, EntityType.METRIC: METRIC}
    clauses: list[Clause] = []
    for comparison in comparisons:
        key, op, value = comparison.entity.key, comparison.op, comparison.value
        on = Field(kinds.get(comparison.entity.type, ATTRIBUTE), key)
        if on.kind == ATTRIBUTE:
            test = _attribute_test(key, op, value)
        elif on.kind == METRIC:
            test = _metric_test(key, _number_test(op, value), counts)
        else:
            test = _text_test(op, value)
        clauses.append(Clause(on, op, value, test))
    return clauses


def _is_of_datasets(datasets: Sequence[Mapping[str, Any]], metric: Metric) -> bool:
    return not datasets or any(
        metric.dataset_name == dataset["dataset_name"]
        and ("dataset_digest" not in dataset or metric.dataset_digest == dataset["dataset_digest"])
        for dataset in datasets
    )


def _metric_test(key: str, test: Predicate, counts: Callable[[Metric], bool]) -> Predicate:
    """A test for metrics: one of them has the key, counts, and passes."""
    return lambda metrics: any(m.key == key and counts(m) and test(m.value) for m in metrics)


def _attribute_test(column: str, op: str, value: Any) -> Predicate:
    if column in _COLLECTIONS:
        _refuse(f"The attribute {column!r} can't be compared; name one key, as in tags.key = 'x'.")
    if column not in COLUMNS:
        raise MlflowException.invalid_parameter_value(
            f"Invalid attribute {column!r} in a filter of logged models. Valid attributes are "
            f"{_VALID}."
        )
    if column in _TIMES:
        return _number_test(op, value)
    if column in _NUMBERS:
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


def parse_order(order_by: Sequence[Mapping[str, Any]] | None) -> tuple[Order, ...]:
    """Read the order of a search; newest first, then by id, where the order leaves a choice.

    Raises ``INVALID_PARAMETER_VALUE`` for a field that can't be sorted by.
    """
    orders = [_order(field) for field in order_by or ()]
    fields = {order.on for order in orders}
    return (*orders, *(order for order in NEWEST_FIRST if order.on not in fields))


NEWEST_FIRST: Final = (Order(CREATED, ascending=False), Order(MODEL_ID))
"""The order in which the listing of an experiment's models stands."""


def _order(field: Mapping[str, Any]) -> Order:
    name = field.get("field_name") if isinstance(field, Mapping) else None
    if not isinstance(name, str):
        raise MlflowException.invalid_parameter_value(
            f"Invalid order by: {field!r}. Expected a dict with a 'field_name'."
        )
    ascending = bool(field.get("ascending", True))
    if "." not in name:
        column = _ALIASES.get(name, name)
        if column in _COLLECTIONS:
            raise MlflowException.invalid_parameter_value(
                f"Invalid order by field name: {name}. It holds many values."
            )
        if column not in COLUMNS:
            raise MlflowException.invalid_parameter_value(
                f"Invalid order by field name: {name}. Valid names are {_VALID} and metrics.<key>."
            )
        return Order(Field(ATTRIBUTE, column), ascending)
    kind, _, key = name.partition(".")
    if kind != "metrics":
        raise MlflowException.invalid_parameter_value(
            f"Invalid order by field name: {name}. Only metrics are supported."
        )
    latest = partial(_latest, key, field.get("dataset_name"), field.get("dataset_digest"))
    return Order(Field(METRIC, key), ascending, latest)


def _latest(
    key: str, dataset_name: str | None, dataset_digest: str | None, metrics: Sequence[Metric]
) -> float | None:
    """The latest value of a metric (of a dataset, where one is named), None without any."""
    found = (
        metric
        for metric in metrics
        if metric.key == key
        and (not dataset_name or metric.dataset_name == dataset_name)
        and (not dataset_digest or metric.dataset_digest == dataset_digest)
    )
    latest = min(found, key=lambda m: (-m.timestamp, -m.step, m.run_id), default=None)
    return None if latest is None else latest.value
