"""A filter of runs as typed clauses. MLflow's parser reads the text; all clauses must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dynamodbstore_events.keys import metric_sk, param_sk, tag_sk
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from mlflow.utils.search_utils import SearchUtils

from mlflow_dynamodbstore.search.comparisons import (
    IS_NOT_NULL,
    IS_NULL,
    Predicate,
    metric_predicate,
    predicate,
)
from mlflow_dynamodbstore.search.parsing import parsed

ItemKind: TypeAlias = Literal["TAG", "PARAM", "METRIC"]

_SORT_KEYS = {"TAG": tag_sk, "PARAM": param_sk, "METRIC": metric_sk}


@dataclass(frozen=True, slots=True)
class AttributeClause:
    """A clause on an attribute that the run's META item (or its key) tells."""

    name: str
    comparator: str
    value: Any
    test: Predicate = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"attributes.{self.name} {self.comparator} {self.value!r}"


@dataclass(frozen=True, slots=True)
class ItemClause:
    """A clause on a tag, a param or a latest metric, which is the item under ``sk``."""

    kind: ItemKind
    key: str
    comparator: str
    value: Any
    sk: str
    test: Predicate = field(compare=False, repr=False)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the clause holds of a run's values by sort key (None: NULL)."""
        if self.comparator == IS_NULL:
            return self.sk not in values
        if self.comparator == IS_NOT_NULL:
            return self.sk in values
        return self.test(values.get(self.sk))

    def __str__(self) -> str:
        asked = f"{self.kind.lower()}s.{self.key} {self.comparator}"
        return asked if self.value is None else f"{asked} {self.value!r}"


@dataclass(frozen=True, slots=True)
class DatasetClause:
    """One of the run's dataset inputs has such a ``name``, ``digest`` or ``context``."""

    name: str
    comparator: str
    value: Any
    test: Predicate = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"dataset.{self.name} {self.comparator} {self.value!r}"


RunClause: TypeAlias = AttributeClause | ItemClause | DatasetClause


def item_sk(kind: ItemKind, key: str) -> str:
    """The sort key of a run's tag, param or latest metric."""
    return _SORT_KEYS[kind](key)


def run_clauses(filter_string: str | None) -> tuple[RunClause, ...]:
    """The clauses of a filter; raises ``INVALID_PARAMETER_VALUE`` for what is not a filter."""
    clauses = parsed("filter", filter_string, SearchUtils.parse_search_filter)
    return tuple(_clause(clause) for clause in clauses)


def _clause(clause: dict[str, Any]) -> RunClause:
    kind, value = clause["type"], clause["value"]
    key: str = SearchUtils.translate_key_alias(clause["key"])
    comparator: str = clause["comparator"].upper()
    if SearchUtils.is_attribute(kind, key, comparator):
        if key == "run_name":
            # The SQL store reads the name's tag here: runs of old MLflows have only that.
            return _text_clause("TAG", MLFLOW_RUN_NAME, comparator, value)
        return AttributeClause(key, comparator, value, predicate(comparator, value))
    if SearchUtils.is_metric(kind, comparator):
        number = float(value)
        test = metric_predicate(comparator, number)
        return ItemClause("METRIC", key, comparator, number, metric_sk(key), test)
    if SearchUtils.is_param(kind, comparator):
        return _text_clause("PARAM", key, comparator, value)
    if SearchUtils.is_tag(kind, comparator):
        return _text_clause("TAG", key, comparator, value)
    if SearchUtils.is_dataset(kind, comparator):
        return DatasetClause(key, comparator, value, predicate(comparator, value))
    raise MlflowException(f"Invalid search expression type '{kind}'", INVALID_PARAMETER_VALUE)


def _text_clause(kind: ItemKind, key: str, comparator: str, value: Any) -> ItemClause:
    sk = item_sk(kind, key)
    if comparator in (IS_NULL, IS_NOT_NULL):
        return ItemClause(kind, key, comparator, None, sk, _unasked)
    return ItemClause(kind, key, comparator, value, sk, predicate(comparator, value))


def _unasked(value: Any) -> bool:
    raise AssertionError("IS NULL and IS NOT NULL ask for the item, not for its value")
