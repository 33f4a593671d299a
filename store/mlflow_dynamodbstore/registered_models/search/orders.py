"""Orders of the registry's searches as typed values. MLflow's parsers read the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchModelVersionUtils, SearchUtils

Order: TypeAlias = tuple[str, bool]
"""What is sorted by (``name``, ``updated``, ``created`` or ``number``), and whether it ascends."""

_VERSION_FIELDS: Final = {
    "name": "name",
    "version_number": "number",
    "creation_timestamp": "created",
    "last_updated_timestamp": "updated",
}
_T = TypeVar("_T")


def registered_model_orders(order_by: Iterable[str] | None) -> tuple[Order, ...]:
    """The orders of models, most important first; the last one that matters is the name's.

    Raises ``INVALID_PARAMETER_VALUE`` for what is not an order, ``INTERNAL_ERROR`` as MLflow does
    for two orders by the same.
    """

    def parsed(text: str) -> Order:
        key, ascending = SearchUtils.parse_order_by_for_search_registered_models(text)
        return "name" if key == "name" else "updated", ascending

    return _down_to(_distinct(order_by or (), parsed), ("name", True))


def model_version_orders(order_by: Iterable[str] | None) -> tuple[Order, ...]:
    """The orders of versions, most important first, down to name and number, which leave no ties.

    Without an order those that were updated last are first. Raises as ``registered_model_orders``.
    """

    def parsed(text: str) -> Order:
        _, key, ascending = SearchModelVersionUtils.parse_order_by_for_search_model_versions(text)
        if key not in _VERSION_FIELDS:
            raise MlflowException.invalid_parameter_value(
                f"Invalid order by key '{key}' specified. Valid keys are "
                f"{', '.join(_VERSION_FIELDS)}."
            )
        return _VERSION_FIELDS[key], ascending

    orders = _distinct(order_by or ("last_updated_timestamp DESC",), parsed)
    return _down_to(orders, ("name", True), ("number", False))


def _distinct(order_by: Iterable[str], parsed: Callable[[str], Order]) -> list[Order]:
    clauses = list(order_by)
    orders: list[Order] = []
    for text in clauses:
        order = parsed(text)
        if any(order[0] == field for field, _ in orders):
            raise MlflowException(f"`order_by` contains duplicate fields: {clauses}")
        orders.append(order)
    return orders


def _down_to(orders: list[Order], *last: Order) -> tuple[Order, ...]:
    fields = [field for field, _ in orders]
    return (*orders, *(order for order in last if order[0] not in fields))


def ordered(
    entities: Iterable[_T], orders: Iterable[Order], value_of: Callable[[_T, str], Any]
) -> list[_T]:
    """The entities in the order; ``value_of`` tells what an entity has in a field, never None."""
    found = list(entities)
    for field, ascending in reversed(tuple(orders)):
        found.sort(key=lambda entity, field=field: value_of(entity, field), reverse=not ascending)  # type: ignore[misc]
    return found
