"""Plans of the registry's searches in words, a line a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from dynamodbstore_projections.fts.reader import MOST_CANDIDATES

from mlflow_dynamodbstore.registered_models.search.clauses import RegistryFilter
from mlflow_dynamodbstore.registered_models.search.model_version_plan import (
    EVERY_NUMBER,
    MANY_VERSIONS,
    VersionPlan,
)
from mlflow_dynamodbstore.registered_models.search.name_listing import Names
from mlflow_dynamodbstore.registered_models.search.orders import Order
from mlflow_dynamodbstore.registered_models.search.registered_model_plan import ModelPlan
from mlflow_dynamodbstore.search.listings import Listing
from mlflow_dynamodbstore.search.tokens import PageStart

_FIELDS: Final = {
    "name": "name",
    "number": "version_number",
    "created": "creation_timestamp",
    "updated": "last_updated_timestamp",
}
_FEW: Final = f"; if more than {MOST_CANDIDATES}, these:"
_STOPS: Final = "reading stops when the page is full"
_SORTED: Final = "every candidate is collected, then sorted"


def model_plan_lines(plan: ModelPlan) -> Iterator[str]:
    """How a page of a search of registered models is read."""
    query = plan.query
    if query.limit < 1:
        yield f"nothing is read: {query.limit} models are asked for"
        return
    if plan.named is not None:
        yield f"candidates: {len(plan.named)} model(s) by name"
    else:
        if plan.posted is not None:
            yield f"candidates: models by {plan.posted}{_FEW}"
        if plan.lookups:
            keys = "; ".join(_listed(lookup.clauses) for lookup in plan.lookups)
            yield f"candidates: models by the lookup of {keys}; if these are many, these:"
        yield f"candidates: models, {_by_name(plan.names)}"
        yield from _listings(plan.names.listings)
    yield from _decided(query.filter, "META items")
    yield _order(query.orders, _STOPS if plan.listed else _SORTED)
    yield _page("models", query.limit, query.start, "each model is then read with its versions")


def version_plan_lines(plan: VersionPlan) -> Iterator[str]:
    """How a page of a search of model versions is read."""
    query = plan.query
    surely_few = True
    if plan.runs is not None:
        yield f"candidates: versions of {len(plan.runs)} run(s), by a lookup of each"
    elif plan.named is not None:
        yield f"candidates: versions of {len(plan.named)} model(s) by name{_numbers(plan)}"
    else:
        surely_few = False
        if plan.posted is not None:
            yield f"candidates: versions of models by {plan.posted}{_numbers(plan)}{_FEW}"
        if plan.names is not None:
            beginning = _beginning(plan.names)
            yield f"candidates: versions of models{beginning}{_numbers(plan)}{_FEW}"
        if plan.in_names is not None:
            yield f"candidates: versions of models, {_by_name(plan.in_names)}"
            yield from _listings(plan.in_names.listings)
        else:
            how = f"by last update, {_time_order(query.orders[0])}"
            yield f"candidates: versions, {f'read {how}' if plan.listed else 'all read'}"
            yield from _listings((plan.listing,))
            if plan.whole is not None:
                yield f"with {MANY_VERSIONS:,} versions or more, models, all read"
                yield from _listings(plan.whole.listings)
    yield from _decided(query.filter, "versions' items and their models' META items")
    if surely_few or not plan.in_order:
        yield _order(query.orders, _SORTED)
    elif plan.posted is None and plan.names is None:
        yield _order(query.orders, _STOPS)
    else:
        yield _order(query.orders, f"versions of models are sorted; of the listing, {_STOPS}")
    yield _page("versions", query.limit, query.start, "long texts of these are then read")


def _time_order(order: Order) -> str:
    _, ascending = order
    return "oldest first" if ascending else "newest first"


def _by_name(names: Names) -> str:
    order = "ascending" if names.ascending else "descending"
    return f"read by name {order}{_beginning(names)}"


def _beginning(names: Names) -> str:
    return f", those that begin with {names.prefix!r}" if names.prefix else ""


def _numbers(plan: VersionPlan) -> str:
    if plan.numbers is None:
        return " (none: the numbers exclude each other)"
    return "" if plan.numbers == EVERY_NUMBER else f", {plan.numbers.low} to {plan.numbers.high}"


def _listings(listings: Iterable[Listing]) -> Iterator[str]:
    for listing in listings:
        yield f"  {listing.pk}{'' if listing.filter is None else f' where {listing.filter}'}"


def _decided(asked: RegistryFilter, where: str) -> Iterator[str]:
    if asked.hides_prompts:
        yield "prompts are left out"
    if asked.attributes or asked.tags:
        yield f"from {where}: {_listed((*asked.attributes, *asked.tags))}"


def _order(orders: Sequence[Order], how: str) -> str:
    fields = [f"{_FIELDS[name]}{'' if ascending else ' DESC'}" for name, ascending in orders]
    return f"order: {', '.join(fields)}; {how}"


def _page(what: str, limit: int, start: PageStart, then: str) -> str:
    after = f" after {start.offset}" if start.offset else ""
    where = " (from a cursor)" if start.cursor is not None else ""
    return f"page: {limit} {what}{after}{where}; {then}"


def _listed(values: Iterable[Any]) -> str:
    return "; ".join(map(str, values))
