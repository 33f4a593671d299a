"""Searching registered models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, ClassVar, Final

from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import prompts_listing, registered_models_listing
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.port import Table
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD,
)
from mlflow.utils.search_utils import SearchModelUtils, SearchUtils

from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.filters import (
    IS_PROMPT,
    NAME,
    TAGS,
    TEXT_COMPARATORS,
    RegistryTags,
    hides_prompts,
    posted_names,
    prefix_of,
    registry_clauses,
    registry_orders,
)
from mlflow_dynamodbstore.registered_models.latest_versions import read_latest
from mlflow_dynamodbstore.registered_models.model_items import PROMPT, is_prompt
from mlflow_dynamodbstore.registered_models.name_listing import (
    NAME_COLUMN,
    ByNames,
    NamesListed,
    name_order,
)
from mlflow_dynamodbstore.registered_models.tag_lookup import ByTags, tag_lookups
from mlflow_dynamodbstore.search.clause import (
    ATTRIBUTE,
    Clause,
    Column,
    Field,
    Row,
    check_comparator,
    clause,
    only_values,
)
from mlflow_dynamodbstore.search.execute import search
from mlflow_dynamodbstore.search.listings import Listing
from mlflow_dynamodbstore.search.order import Order
from mlflow_dynamodbstore.search.plan import Plan, Query, steps_of, table_filter
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.sources import ByPostings, Source
from mlflow_dynamodbstore.search.values import Candidate

_UPDATED = Field(ATTRIBUTE, "last_updated_timestamp")


class RegisteredModelSearch(Searchable[RegisteredModel]):
    """The registered models of one workspace; prompts only if the filter is for them."""

    name = "registered-models"
    noun = "models"
    results = SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT
    columns: ClassVar = {NAME.key: NAME_COLUMN, _UPDATED.key: Column(itemgetter("updated"))}
    smallest_chunk = 1

    def parse(self, request: Request) -> Query:
        _check_max_results(request.max_results)
        filter_string, order_by = request.filter_string, list(request.order_by or ())
        clauses = registry_clauses(SearchModelUtils, filter_string, _name_clause)
        orders = registry_orders(order_by, _order, Order(NAME))
        listed = orders[0].on == NAME
        return self.query(
            request,
            clauses,
            orders,
            name_order(orders[0].ascending if listed else True),
            *("registered models", request.workspace, filter_string or "", order_by),
            listed=listed,
            limit=request.max_results,
        )

    def plan(self, request: Request, query: Query, context: Context) -> Plan[RegisteredModel]:
        workspace, clauses = request.workspace, query.clauses
        named, hidden = only_values(clauses, NAME), hides_prompts(clauses)
        kinds = {TAGS: RegistryTags()}
        steps = steps_of(clauses, self.columns, kinds, listed=named is None)
        sources: list[Source] = []
        if named is not None:
            sources.append(ByNames(workspace, named))
        else:
            few = posted_names(workspace, clauses, context.config)
            if few is not None:
                sources.append(ByPostings(few))
            if lookups := tag_lookups(workspace, _telling(clauses)):
                sources.append(ByTags(lookups))
            in_listing = table_filter(steps)
            listings = tuple(Listing(pk, in_listing) for pk in _listings(workspace, clauses))
            sources.append(NamesListed(listings, query.comes.ascending[0], prefix_of(clauses)))
        return Plan(
            of=self,
            query=query,
            sources=tuple(sources),
            steps=steps,
            visible=lambda meta: (
                meta["workspace"] == workspace
                and DELETING not in meta
                and not (hidden and is_prompt(meta))
            ),
            read=_read,
            then="each model is then read with its versions",
            kinds=kinds,
            notes=("prompts are left out",) if hidden else (),
        )


REGISTERED_MODELS: Final = RegisteredModelSearch()


class SearchRegisteredModels:
    """``search_registered_models``."""

    def __init__(self, table: Table, scope: Scope, config: ConfigSource) -> None:
        self._table = table
        self._scope = scope
        self._config = config

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | bytes | None = None,
    ) -> PagedList[RegisteredModel]:
        """A page of the models that match, with the token of the next page if there is one.

        Prompts are among them only if the filter is for them. Raises
        ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        request = Request(filter_string, max_results, order_by, page_token, self._scope.workspace)
        context = Context(self._config.current)
        return PagedList(*search(self._table, REGISTERED_MODELS, request, context))


def _check_max_results(max_results: int | None) -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` in MLflow's words, which are others than for runs."""
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


def _name_clause(key: str, comparator: str, value: Any) -> Clause:
    """Names are the only attribute that the parser takes."""
    check_comparator("attribute", comparator, TEXT_COMPARATORS)
    return clause(NAME, comparator, value)


def _order(text: str) -> Order:
    key, ascending = SearchUtils.parse_order_by_for_search_registered_models(text)
    return Order(NAME if key == "name" else _UPDATED, ascending)


def _listings(workspace: str, clauses: Sequence[Clause]) -> Iterator[str]:
    """Prompts are listed apart: the models whose tag has exactly that value."""
    on_kind = [one for one in clauses if one.on == IS_PROMPT]
    if not on_kind:
        yield registered_models_listing(workspace)
        return
    prompts_pass = all(one.test(PROMPT) for one in on_kind)
    if prompts_pass:
        yield prompts_listing(workspace)
    if not prompts_pass or all(one.comparator != "=" for one in on_kind):
        yield registered_models_listing(workspace)


def _telling(clauses: Sequence[Clause]) -> Iterator[Clause]:
    """The clauses on tags that narrow more than the listing itself."""
    for one in clauses:
        if one.on.kind == TAGS and (one.on != IS_PROMPT or not one.test(PROMPT)):
            yield one


def _read(
    table: Table, found: Sequence[Candidate], shown: Callable[[Row], bool]
) -> list[RegisteredModel]:
    read = read_latest(table, [one.row for one in found])
    return [read[one.row["PK"]].entity() for one in found if one.row["PK"] in read]
