"""A filter of model versions as a typed value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchModelVersionUtils

from mlflow_dynamodbstore.registered_models.search.clauses import (
    TAG_COMPARATORS,
    TEXT_COMPARATORS,
    AttributeClause,
    Parsed,
    RegistryFilter,
    check_comparator,
    registry_filter,
)
from mlflow_dynamodbstore.search.comparisons import predicate

_LISTABLE: Final = ("name", "run_id")
_NUMBER_COMPARATORS: Final = ("=", "!=", "<", "<=", ">", ">=")


def model_version_filter(parsed: Iterable[Parsed]) -> RegistryFilter:
    """The filter of parsed clauses: attributes are ``name``, ``run_id``, ``source_path`` and
    ``version_number``.

    Raises ``INVALID_PARAMETER_VALUE`` or ``BAD_REQUEST`` for a clause that can't be tested.
    """
    return registry_filter(parsed, _attribute_clause)


def _attribute_clause(parsed: Parsed) -> AttributeClause:
    name, comparator, value = parsed["key"], parsed["comparator"], parsed["value"]
    if name in SearchModelVersionUtils.NUMERIC_ATTRIBUTES:
        check_comparator(f"attribute {name}", comparator, _NUMBER_COMPARATORS)
        value = _whole_number(name, value)
    else:
        valid = TEXT_COMPARATORS if name in _LISTABLE else TAG_COMPARATORS
        check_comparator("attribute", comparator, valid)
    return AttributeClause(name, comparator, value, predicate(comparator, value))


def _whole_number(name: str, value: Any) -> int:
    """The number of a version; MLflow takes ``3`` and ``'3'``, and no ``3.0``."""
    if not isinstance(value, float):
        try:
            return int(value)
        except (TypeError, ValueError):
            pass
    raise MlflowException.invalid_parameter_value(
        f"Invalid value for numeric attribute '{name}': {value!r}. It must be a whole number."
    )
