"""The order of a search for logged models: a value, applied without a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR

from mlflow_dynamodbstore.logged_models.search.columns import (
    ALIASES,
    COLLECTIONS,
    COLUMNS,
    CREATED,
    MODEL_ID,
    column_value,
    valid_columns,
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """Sort by a column, or by the latest value of a metric (of a dataset, where one is named)."""

    ascending: bool
    column: str | None = None
    metric: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None

    def __str__(self) -> str:
        name = self.column if self.column is not None else f"metrics.{self.metric}"
        return name if self.ascending else f"{name} DESC"

    def value(self, meta: Mapping[str, Any], metrics: Iterable[Metric]) -> Any:
        """What a model is sorted by; None sorts last."""
        if self.column is not None:
            return column_value(meta, self.column)
        latest: Metric | None = None
        for metric in metrics:
            if self._counts(metric) and (latest is None or _rank(metric) < _rank(latest)):
                latest = metric
        return None if latest is None else latest.value

    def _counts(self, metric: Metric) -> bool:
        return (
            metric.key == self.metric
            and (not self.dataset_name or metric.dataset_name == self.dataset_name)
            and (not self.dataset_digest or metric.dataset_digest == self.dataset_digest)
        )


def _rank(metric: Metric) -> tuple[int, int, str]:
    return -metric.timestamp, -metric.step, metric.run_id


NEWEST_FIRST = (OrderTerm(False, column=CREATED), OrderTerm(True, column=MODEL_ID))
"""The order in which the listing of an experiment's models stands."""


def parse_order(order_by: Sequence[Mapping[str, Any]] | None) -> tuple[OrderTerm, ...]:
    """Read the order of a search; newest first, then by id, where the order leaves a choice.

    Raises ``INVALID_PARAMETER_VALUE`` for a field that can't be sorted by.
    """
    terms = [_term(field) for field in order_by or ()]
    columns = {term.column for term in terms}
    return (*terms, *(term for term in NEWEST_FIRST if term.column not in columns))


def _term(field: Mapping[str, Any]) -> OrderTerm:
    name = field.get("field_name") if isinstance(field, Mapping) else None
    if not isinstance(name, str):
        raise MlflowException.invalid_parameter_value(
            f"Invalid order by: {field!r}. Expected a dict with a 'field_name'."
        )
    ascending = bool(field.get("ascending", True))
    if "." not in name:
        column = ALIASES.get(name, name)
        if column in COLLECTIONS:
            raise MlflowException(
                f"Invalid order by field name: {name}. It holds many values.", INTERNAL_ERROR
            )
        if column not in COLUMNS:
            raise MlflowException.invalid_parameter_value(
                f"Invalid order by field name: {name}. Valid names are {valid_columns()} and "
                "metrics.<key>."
            )
        return OrderTerm(ascending, column=column)
    kind, _, key = name.partition(".")
    if kind != "metrics":
        raise MlflowException.invalid_parameter_value(
            f"Invalid order by field name: {name}. Only metrics are supported."
        )
    return OrderTerm(
        ascending,
        metric=key,
        dataset_name=field.get("dataset_name"),
        dataset_digest=field.get("dataset_digest"),
    )


def ordered(
    models: Sequence[tuple[_T, Mapping[str, Any], Sequence[Metric]]], terms: Iterable[OrderTerm]
) -> list[_T]:
    """The first elements of (anything, META item, metrics), in the order of the last two."""
    rows = list(models)
    for term in reversed(tuple(terms)):
        values = [term.value(meta, metrics) for _, meta, metrics in rows]
        pairs = list(zip(values, rows, strict=True))
        present = [pair for pair in pairs if pair[0] is not None]
        present.sort(key=lambda pair: pair[0], reverse=not term.ascending)
        rows = [row for _, row in present] + [row for value, row in pairs if value is None]
    return [row[0] for row in rows]
