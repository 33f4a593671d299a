"""A filter and an order of experiments as typed values. MLflow's parser reads the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dynamodbstore_events.keys import tag_sk
from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchExperimentsUtils
from mlflow.utils.validation import _parse_experiment_id

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.search.comparisons import (
    IS_NOT_NULL,
    IS_NULL,
    Predicate,
    predicate,
)
from mlflow_dynamodbstore.search.listings import TimeOrder
from mlflow_dynamodbstore.search.parsing import parsed

_TEXT = ("=", "!=", "LIKE", "ILIKE")
_ID = ("=", "!=", "IN", "NOT IN")


@dataclass(frozen=True, slots=True)
class AttributeClause:
    """A clause on what an experiment's META item tells; ids are numbers here."""

    name: str
    comparator: str
    value: Any
    test: Predicate = field(compare=False, repr=False)

    def holds(self, experiment: ExperimentState) -> bool:
        return self.test(attribute(experiment, self.name))

    def __str__(self) -> str:
        return f"{self.name} {self.comparator} {self.value!r}"


@dataclass(frozen=True, slots=True)
class TagClause:
    """A clause on a tag, the item under ``sk``; without ``test`` it asks whether there is one."""

    key: str
    sk: str
    comparator: str
    value: str | None
    test: Predicate | None = field(compare=False, repr=False)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the clause holds of an experiment's values by sort key."""
        if self.test is None:
            return (self.sk in values) is (self.comparator == IS_NOT_NULL)
        return self.test(values.get(self.sk))

    def __str__(self) -> str:
        asked = f"tags.{self.key} {self.comparator}"
        return asked if self.value is None else f"{asked} {self.value!r}"


ExperimentClause: TypeAlias = AttributeClause | TagClause
ExperimentOrder: TypeAlias = tuple[str, bool]
"""An attribute, and whether it ascends."""


def attribute(experiment: ExperimentState, name: str) -> Any:
    """An attribute of an experiment; its id as a number, times in ms."""
    if name == "experiment_id":
        return int(experiment.experiment_id)
    if name == "creation_time":
        return experiment.created
    return experiment.updated if name == "last_update_time" else experiment.name


def experiment_clauses(filter_string: str | None) -> tuple[ExperimentClause, ...]:
    """The clauses of a filter; raises ``INVALID_PARAMETER_VALUE`` for what is not a filter."""
    clauses = parsed("filter", filter_string, SearchExperimentsUtils.parse_search_filter)
    return tuple(
        _tag_clause(clause) if clause["type"] == "tag" else _attribute_clause(clause)
        for clause in clauses
    )


def _tag_clause(clause: Mapping[str, Any]) -> TagClause:
    comparator: str = clause["comparator"]
    key: str = clause["key"]
    sk = tag_sk(key)
    if comparator in (IS_NULL, IS_NOT_NULL):
        return TagClause(key, sk, comparator, None, None)
    _check_comparator("tag", comparator, _TEXT)
    return TagClause(key, sk, comparator, clause["value"], predicate(comparator, clause["value"]))


def _attribute_clause(clause: Mapping[str, Any]) -> AttributeClause:
    name, comparator, value = clause["key"], clause["comparator"], clause["value"]
    if name == "experiment_id":
        _check_comparator("experiment_id", comparator, _ID)
        value = (
            tuple(_parse_experiment_id(one) for one in value)
            if isinstance(value, tuple)
            else _parse_experiment_id(value)
        )
    elif SearchExperimentsUtils.is_numeric_attribute("attribute", name, comparator):
        if not isinstance(value, int):
            raise MlflowException.invalid_parameter_value(
                f"Invalid value for numeric attribute '{name}': {str(value)!r}. "
                "It must be a whole number of milliseconds."
            )
    elif SearchExperimentsUtils.is_string_attribute("attribute", name, comparator):
        _check_comparator("string attribute", comparator, _TEXT)
    return AttributeClause(name, comparator, value, predicate(comparator, value))


def _check_comparator(what: str, comparator: str, valid: Sequence[str]) -> None:
    if comparator not in valid:
        raise MlflowException.invalid_parameter_value(
            f"Invalid comparator for {what}: {comparator}. Valid ones are {', '.join(valid)}."
        )


def experiment_orders(order_by: Iterable[str] | None) -> tuple[ExperimentOrder, ...]:
    """The orders, most important first, down to the one that leaves no ties: the id's.

    Without an order the newest are first and ids ascend; with one, ids descend.
    """
    orders: list[ExperimentOrder] = []
    for text in order_by or ("creation_time DESC", "experiment_id ASC"):
        kind, key, ascending = parsed(
            "order", text, SearchExperimentsUtils.parse_order_by_for_search_experiments
        )
        if kind != "attribute":
            raise MlflowException.invalid_parameter_value(
                f"Invalid order_by entity: {kind}. Experiments are ordered by attributes."
            )
        orders.append((key, ascending))
    if all(key != "experiment_id" for key, _ in orders):
        orders.append(("experiment_id", False))
    return tuple(orders)


def listing_order(orders: Sequence[ExperimentOrder]) -> TimeOrder | None:
    """The order in which the listing itself can be read, or None: collect and sort."""
    match orders:
        case [("creation_time", created), ("experiment_id", ids), *_]:
            return TimeOrder(newest_first=not created, ids_ascending=ids)
    return None
