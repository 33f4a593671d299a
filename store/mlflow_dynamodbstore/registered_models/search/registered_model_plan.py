"""How a search of registered models will be answered, as a value: no table is asked to plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dynamodbstore_events.entities import REGISTERED_MODEL
from dynamodbstore_events.keys import prompts_listing, registered_models_listing
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.fts.projection import NAME_FIELD
from dynamodbstore_projections.fts.reader import NARROWING, Posted, posted
from dynamodbstore_table.conditions import Condition, Either, IsMap, both
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry import SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD
from mlflow.utils.search_utils import SearchModelUtils

from mlflow_dynamodbstore.registered_models.search.clauses import (
    AttributeClause,
    RegistryFilter,
    TagClause,
    parsed_filter,
)
from mlflow_dynamodbstore.registered_models.search.name_listing import Names, like_prefix, prefix_of
from mlflow_dynamodbstore.registered_models.search.orders import Order, registered_model_orders
from mlflow_dynamodbstore.registered_models.search.registered_model_filter import (
    registered_model_filter,
)
from mlflow_dynamodbstore.registered_models.search.tag_lookup import TagLookup, tag_lookups
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.listings import Listing
from mlflow_dynamodbstore.search.pushdown import text_condition
from mlflow_dynamodbstore.search.tokens import PageStart
from mlflow_dynamodbstore.versioned.items import TAG

_IS_PROMPT: Final = "true"
_MOST_PUSHED: Final = 20


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """A search of registered models of one workspace, parsed and checked."""

    workspace: str
    filter: RegistryFilter
    orders: tuple[Order, ...]
    limit: int
    start: PageStart
    fingerprint: str


def parse_model_query(
    workspace: str,
    filter_string: str | None,
    max_results: int,
    order_by: Sequence[str] | None,
    page_token: str | bytes | None,
) -> ModelQuery:
    """Read a request; raises ``INVALID_PARAMETER_VALUE`` for whatever in it can't be read, and as
    ``registered_model_orders`` and ``registered_model_filter`` do."""
    _check_max_results(max_results)
    parsed = parsed_filter(SearchModelUtils, filter_string)
    orders = registered_model_orders(order_by)
    fingerprint = tokens.fingerprint(
        "registered models", workspace, filter_string or "", list(order_by or [])
    )
    start = tokens.decode(fingerprint, page_token)
    asked = registered_model_filter(parsed)
    return ModelQuery(workspace, asked, orders, max_results, start, fingerprint)


def _check_max_results(max_results: int) -> None:
    if not isinstance(max_results, int):
        rule = "a whole number"
    elif max_results > SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD:
        rule = f"at most {SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD}"
    else:
        return
    raise MlflowException.invalid_parameter_value(
        "Invalid value for request parameter max_results. It must be "
        f"{rule}, but got value {max_results}"
    )


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """Where the candidates of a search of models come from: ``named`` where the filter says the
    only names; else ``posted`` or ``lookups`` where these tell few; else the models of ``names``.

    ``listed`` says that the answer is in the order of names, so that reading stops with the page.
    """

    query: ModelQuery
    named: tuple[str, ...] | None
    posted: Posted | None
    lookups: tuple[TagLookup, ...]
    names: Names
    listed: bool


def plan_models(query: ModelQuery, config: Callable[[], Config]) -> ModelPlan:
    """The plan of a query; ``config`` is asked only where postings may narrow."""
    clauses = query.filter.attributes
    named = names_of(clauses)
    field, ascending = query.orders[0]
    listed = field == "name"
    cursor = query.start.cursor
    names = Names(
        listings=tuple(Listing(pk, _pushed(query.filter)) for pk in _listings(query)),
        ascending=ascending if listed else True,
        prefix=prefix_of(clauses),
        after=cursor[1] if listed and cursor is not None else None,
    )
    return ModelPlan(
        query=query,
        named=named,
        posted=None if named is not None else posted_names(query.workspace, clauses, config),
        lookups=() if named is not None else tag_lookups(query.workspace, _telling(query)),
        names=names,
        listed=listed,
    )


def names_of(clauses: Sequence[AttributeClause]) -> tuple[str, ...] | None:
    """The only names that can pass the clauses, where these say so."""
    named: dict[str, None] | None = None
    for clause in clauses:
        if clause.name == "name" and clause.comparator in ("=", "IN"):
            names = clause.value if clause.comparator == "IN" else (clause.value,)
            named = dict.fromkeys(n for n in names if named is None or n in named)
    return None if named is None else tuple(named)


def posted_names(
    workspace: str, clauses: Sequence[AttributeClause], config: Callable[[], Config]
) -> Posted | None:
    """The postings that tell whose names pass the clauses, where they narrow more than a listing
    of names in a range does."""
    patterns = list(_patterns(clauses))
    if not patterns:
        return None
    return posted(config(), REGISTERED_MODEL, [workspace], patterns)


def _patterns(clauses: Sequence[AttributeClause]) -> Iterator[tuple[str, str]]:
    for clause in clauses:
        if clause.name == "name" and clause.comparator in NARROWING:
            behind = clause.value
            if clause.comparator == "LIKE":
                behind = behind[len(like_prefix(behind)) :]
            if behind.strip("%_"):
                yield NAME_FIELD, clause.value


def _listings(query: ModelQuery) -> Iterator[str]:
    """Prompts are listed apart: the models whose tag says exactly so."""
    if query.filter.hides_prompts:
        yield registered_models_listing(query.workspace)
        return
    on_kind = [clause for clause in query.filter.tags if clause.key == IS_PROMPT_TAG_KEY]
    prompts_pass = all(clause.test(_IS_PROMPT) for clause in on_kind)
    if prompts_pass:
        yield prompts_listing(query.workspace)
    if not prompts_pass or all(clause.comparator != "=" for clause in on_kind):
        yield registered_models_listing(query.workspace)


def _telling(query: ModelQuery) -> Iterator[TagClause]:
    """The clauses on tags that more than the listing itself tells."""
    for clause in query.filter.tags:
        if clause.key != IS_PROMPT_TAG_KEY or not clause.test(_IS_PROMPT):
            yield clause


def _pushed(asked: RegistryFilter) -> Condition | None:
    """What the table filters while it lists; it lets through what may pass."""
    conditions: list[Condition] = []
    for clause in asked.attributes:
        condition = text_condition("name", clause.comparator, clause.value)
        if condition is not None:
            conditions.append(condition)
    for on_tag in asked.tags:
        condition = tag_condition(on_tag)
        if condition is not None:
            conditions.append(condition)
    return both(*conditions[:_MOST_PUSHED]) if conditions else None


def tag_condition(clause: TagClause) -> Condition | None:
    """A condition on an item with tags that is true wherever the clause may hold, or None."""
    name = f"{TAG}{clause.key}"
    condition = text_condition(name, clause.comparator, clause.value)
    if condition is None:
        return None
    # In the place of a long value stands a reference, a map: the clause is decided on the value.
    return Either((condition, IsMap(name)))
