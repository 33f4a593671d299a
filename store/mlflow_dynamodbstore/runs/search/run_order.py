"""The order of runs: MLflow's parser reads it; a value first, then NaN, then what is missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from dynamodbstore_events.metric_values import stored
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.utils.search_utils import SearchUtils

from mlflow_dynamodbstore.runs.search.run_filter import ItemKind, item_sk
from mlflow_dynamodbstore.search.listings import TimeOrder
from mlflow_dynamodbstore.search.parsing import parsed

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AttributeOrder:
    """By an attribute of the run's META item."""

    name: str
    ascending: bool

    def __str__(self) -> str:
        return f"attributes.{self.name} {_direction(self.ascending)}"


@dataclass(frozen=True, slots=True)
class ItemOrder:
    """By a tag, a param or a latest metric, which is the item under ``sk``."""

    kind: ItemKind
    key: str
    sk: str
    ascending: bool

    def __str__(self) -> str:
        return f"{self.kind.lower()}s.{self.key} {_direction(self.ascending)}"


RunOrder: TypeAlias = AttributeOrder | ItemOrder


def _direction(ascending: bool) -> str:
    return "ASC" if ascending else "DESC"


def run_orders(order_by: Iterable[str] | None) -> tuple[RunOrder, ...]:
    """The orders asked for, most important first.

    Raises ``INVALID_PARAMETER_VALUE`` for what can't be parsed or sorted by, and, as the SQL store
    does, ``INTERNAL_ERROR`` for a field given twice.
    """
    clauses = list(order_by or [])
    orders: list[RunOrder] = []
    seen: set[tuple[str, str]] = set()
    for text in clauses:
        kind, key, ascending = parsed("order", text, SearchUtils.parse_order_by_for_search_runs)
        key = SearchUtils.translate_key_alias(key)
        orders.append(_order(kind, key, ascending))
        if (kind, key) in seen:
            raise MlflowException(f"`order_by` contains duplicate fields: {clauses}")
        seen.add((kind, key))
    return tuple(orders)


def _order(kind: str, key: str, ascending: bool) -> RunOrder:
    if SearchUtils.is_attribute(kind, key, "="):
        return AttributeOrder("name" if key == "run_name" else key, ascending)
    if SearchUtils.is_metric(kind, "="):
        return _item_order("METRIC", key, ascending)
    if SearchUtils.is_tag(kind, "="):
        return _item_order("TAG", key, ascending)
    if SearchUtils.is_param(kind, "="):
        return _item_order("PARAM", key, ascending)
    raise MlflowException(
        f"Invalid identifier type '{kind}': runs are ordered by attributes, "
        "metrics, params or tags.",
        INVALID_PARAMETER_VALUE,
    )


def _item_order(kind: ItemKind, key: str, ascending: bool) -> ItemOrder:
    return ItemOrder(kind, key, item_sk(kind, key), ascending)


def listing_order(orders: Sequence[RunOrder]) -> TimeOrder | None:
    """The order in which the listings themselves can be read, or None: collect and sort.

    Runs of one start time are ordered by their ids, ascending unless the order says otherwise;
    whatever comes after an id decides nothing.
    """
    match orders:
        case []:
            return TimeOrder()
        case [AttributeOrder("start_time", ascending)]:
            return TimeOrder(newest_first=not ascending)
        case [AttributeOrder("start_time", ascending), AttributeOrder("run_id", ids), *_]:
            return TimeOrder(newest_first=not ascending, ids_ascending=ids)
    return None


def sort_by(entities: list[_T], value_of: Callable[[_T], Any], *, ascending: bool) -> list[_T]:
    """The entities by a value, those of equal value in the order in which they come.

    NaN and then missing values are last in both directions; ±Infinity stands as it is kept, as
    the largest numbers.
    """
    present: list[tuple[Any, _T]] = []
    nan: list[_T] = []
    missing: list[_T] = []
    for entity in entities:
        value = value_of(entity)
        if value is None:
            missing.append(entity)
        elif not isinstance(value, float):
            present.append((value, entity))
        elif math.isnan(value):
            nan.append(entity)
        else:
            present.append((stored(value)[0], entity))
    present.sort(key=lambda pair: pair[0], reverse=not ascending)
    return [entity for _, entity in present] + nan + missing
