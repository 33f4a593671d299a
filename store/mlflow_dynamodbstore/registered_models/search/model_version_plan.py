"""How a search of model versions will be answered, as a value: no table is asked to plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dynamodbstore_events.keys import (
    LAST_VERSION_NUMBER,
    prompts_listing,
    registered_models_listing,
    version_sk,
    versions_listing,
)
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.reader import Posted
from dynamodbstore_table.conditions import Compare, Condition, Not, both, equals
from dynamodbstore_table.port import SortRange
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry import SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD
from mlflow.utils.search_utils import SearchModelVersionUtils

from mlflow_dynamodbstore.registered_models.search.clauses import (
    AttributeClause,
    RegistryFilter,
    parsed_filter,
)
from mlflow_dynamodbstore.registered_models.search.model_version_filter import model_version_filter
from mlflow_dynamodbstore.registered_models.search.name_listing import Names, prefix_of
from mlflow_dynamodbstore.registered_models.search.orders import Order, model_version_orders
from mlflow_dynamodbstore.registered_models.search.registered_model_plan import (
    names_of,
    posted_names,
    tag_condition,
)
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.listings import Listing
from mlflow_dynamodbstore.search.pushdown import text_condition
from mlflow_dynamodbstore.search.tokens import PageStart
from mlflow_dynamodbstore.versioned.items import TAG

_MOST_PUSHED: Final = 20
_LARGEST_NUMBER: Final = 10**38
MANY_VERSIONS: Final = 1000
"""From so many versions on, all models are listed rather than read by their keys."""
EVERY_NUMBER: Final = SortRange(version_sk(1), version_sk(LAST_VERSION_NUMBER))
"""The sort keys of all versions of a model."""


@dataclass(frozen=True, slots=True)
class VersionQuery:
    """A search of model versions of one workspace, parsed and checked."""

    workspace: str
    filter: RegistryFilter
    orders: tuple[Order, ...]
    limit: int
    start: PageStart
    fingerprint: str


def parse_version_query(
    workspace: str,
    filter_string: str | None,
    max_results: int,
    order_by: Sequence[str] | None,
    page_token: str | bytes | None,
) -> VersionQuery:
    """Read a request; raises ``INVALID_PARAMETER_VALUE`` for whatever in it can't be read, and as
    ``model_version_orders`` and ``model_version_filter`` do."""
    _check_max_results(max_results)
    asked = model_version_filter(parsed_filter(SearchModelVersionUtils, filter_string))
    orders = model_version_orders(order_by)
    fingerprint = tokens.fingerprint(
        "model versions", workspace, filter_string or "", list(order_by or [])
    )
    start = tokens.decode(fingerprint, page_token)
    return VersionQuery(workspace, asked, orders, max_results, start, fingerprint)


def _check_max_results(max_results: int) -> None:
    if not isinstance(max_results, int) or max_results < 1:
        raise MlflowException.invalid_parameter_value(
            f"Invalid value for max_results. It must be a positive integer, but got {max_results}"
        )
    if max_results > SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD:
        raise MlflowException.invalid_parameter_value(
            "Invalid value for request parameter max_results. It must be at most "
            f"{SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD}, but got value {max_results}"
        )


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """Where the candidates of a search of versions come from.

    From ``runs`` where the filter says the only ones; else from the models that it says are the
    only ones (``named``, else ``posted`` or ``names`` where these are few), of each the versions
    in ``numbers`` (None: there are none); else from the models in order (``in_names``), or from
    ``listing``, in its own order with ``listed``, or all of it (if long, with all of ``whole``).
    """

    query: VersionQuery
    runs: tuple[str, ...] | None
    named: tuple[str, ...] | None
    posted: Posted | None
    names: Names | None
    numbers: SortRange | None
    in_names: Names | None
    whole: Names | None
    listing: Listing
    listed: bool

    @property
    def in_order(self) -> bool:
        """Whether what is listed comes in the order asked for, so that reading stops with the
        page."""
        return self.listed or self.in_names is not None


def plan_versions(query: VersionQuery, config: Callable[[], Config]) -> VersionPlan:
    """The plan of a query; ``config`` is asked only where postings may narrow."""
    clauses = query.filter.attributes
    runs, named = _runs(clauses), names_of(clauses)
    told = runs is not None or named is not None
    on_names = posted_names(query.workspace, _on_name(clauses), config) if not told else None
    field, ascending = query.orders[0]
    in_names = whole = None
    # Where more is asked for, hardly a version of many models might pass.
    if not told and not query.filter.tags and len(_on_name(clauses)) == len(clauses):
        if field == "name":
            in_names = _models(query.workspace, prefix_of(_on_name(clauses)), ascending)
        elif field != "updated":
            whole = _models(query.workspace)
    names = None if told or in_names is not None else _names(query.workspace, clauses)
    return VersionPlan(
        query=query,
        runs=runs,
        named=named,
        posted=on_names,
        names=names,
        numbers=_numbers(clauses),
        in_names=in_names,
        whole=whole,
        listing=Listing(versions_listing(query.workspace), _pushed(query.filter)),
        listed=field == "updated",
    )


def _on_name(clauses: Iterable[AttributeClause]) -> list[AttributeClause]:
    return [clause for clause in clauses if clause.name == "name"]


def _runs(clauses: Iterable[AttributeClause]) -> tuple[str, ...] | None:
    """The only runs whose versions can pass, where the filter says so.

    The lookup has no versions with an empty run id: they are found in the listing.
    """
    runs: dict[str, None] | None = None
    for clause in clauses:
        if clause.name == "run_id" and clause.comparator in ("=", "IN"):
            ids = clause.value if clause.comparator == "IN" else (clause.value,)
            runs = dict.fromkeys(i for i in ids if runs is None or i in runs)
    return None if runs is None or "" in runs else tuple(runs)


def _names(workspace: str, clauses: Iterable[AttributeClause]) -> Names | None:
    prefix = prefix_of(_on_name(clauses))
    return _models(workspace, prefix) if prefix else None


def _models(workspace: str, prefix: str = "", ascending: bool = True) -> Names:
    kinds = registered_models_listing(workspace), prompts_listing(workspace)
    return Names(tuple(Listing(pk) for pk in kinds), ascending, prefix)


def _numbers(clauses: Iterable[AttributeClause]) -> SortRange | None:
    """The sort keys of the versions whose numbers can pass; None where there can be none."""
    first, last = 1, LAST_VERSION_NUMBER
    for clause in clauses:
        if clause.name == "version_number":
            low, high = _bounds(clause.comparator, clause.value)
            first, last = max(first, low), min(last, high)
    return SortRange(version_sk(first), version_sk(last)) if first <= last else None


def _bounds(comparator: str, number: int) -> tuple[int, int]:
    match comparator:
        case "=":
            return number, number
        case ">":
            return number + 1, LAST_VERSION_NUMBER
        case ">=":
            return number, LAST_VERSION_NUMBER
        case "<":
            return 1, number - 1
        case "<=":
            return 1, number
    return 1, LAST_VERSION_NUMBER


def _pushed(asked: RegistryFilter) -> Condition | None:
    """What the table filters while it lists; it lets through what may pass."""
    conditions: list[Condition] = []
    if asked.hides_prompts:
        conditions.append(Not(equals(f"{TAG}{IS_PROMPT_TAG_KEY}", "true")))
    for clause in asked.attributes:
        condition = _attribute_condition(clause.name, clause.comparator, clause.value)
        if condition is not None:
            conditions.append(condition)
    for on_tag in asked.tags:
        condition = tag_condition(on_tag)
        if condition is not None:
            conditions.append(condition)
    return both(*conditions[:_MOST_PUSHED]) if conditions else None


def _attribute_condition(name: str, comparator: Any, value: Any) -> Condition | None:
    if name == "version_number":
        return Compare("number", comparator, value) if abs(value) < _LARGEST_NUMBER else None
    if name == "name":
        return None
    return text_condition("source" if name == "source_path" else name, comparator, value)
