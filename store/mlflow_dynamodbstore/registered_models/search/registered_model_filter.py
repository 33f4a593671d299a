"""A filter of registered models as a typed value."""

from __future__ import annotations

from collections.abc import Iterable

from mlflow_dynamodbstore.registered_models.search.clauses import (
    TEXT_COMPARATORS,
    AttributeClause,
    Parsed,
    RegistryFilter,
    check_comparator,
    registry_filter,
)
from mlflow_dynamodbstore.search.comparisons import predicate


def registered_model_filter(parsed: Iterable[Parsed]) -> RegistryFilter:
    """The filter of parsed clauses: attributes are names, each the only one that the parser takes.

    Raises ``INVALID_PARAMETER_VALUE`` or ``BAD_REQUEST`` for a clause that can't be tested.
    """
    return registry_filter(parsed, _name_clause)


def _name_clause(parsed: Parsed) -> AttributeClause:
    comparator, value = parsed["comparator"], parsed["value"]
    check_comparator("attribute", comparator, TEXT_COMPARATORS)
    return AttributeClause("name", comparator, value, predicate(comparator, value))
