"""Searching registered models, and carrying it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from dynamodbstore_events.entities import DELETING
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.fts.reader import posted_keys
from dynamodbstore_table.port import Item, Table
from mlflow.entities.model_registry import RegisteredModel
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT

from mlflow_dynamodbstore.core.gc_pause import collector_paused_listing
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.latest_versions import read_latest
from mlflow_dynamodbstore.registered_models.model_items import is_prompt
from mlflow_dynamodbstore.registered_models.search.known_tags import known_tags, tag_texts
from mlflow_dynamodbstore.registered_models.search.name_listing import by_name, in_name_order
from mlflow_dynamodbstore.registered_models.search.named_models import named_models
from mlflow_dynamodbstore.registered_models.search.orders import ordered
from mlflow_dynamodbstore.registered_models.search.registered_model_plan import (
    ModelPlan,
    ModelQuery,
    parse_model_query,
    plan_models,
)
from mlflow_dynamodbstore.registered_models.search.tag_lookup import few_with_tags
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.tokens import PageStart

_READ_AT_ONCE = 1000


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

        Prompts are among them only if the filter asks for them. Raises
        ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        query = parse_model_query(
            self._scope.workspace, filter_string, max_results, order_by, page_token
        )
        if query.limit < 1:
            return PagedList([], None)
        with collector_paused_listing(self._table):
            found, following = find_models(self._table, plan_models(query, self._config.current))
        token = following and tokens.encode(query.fingerprint, following)
        read = read_latest(self._table, found)
        return PagedList([read[m["PK"]].entity() for m in found if m["PK"] in read], token)


def find_models(table: Table, plan: ModelPlan) -> tuple[list[Item], PageStart | None]:
    """The META items of the page's models, and where the next page starts (None: nowhere)."""
    query = plan.query
    skipped = 0 if plan.names.after is not None else query.start.offset
    last = skipped + query.limit
    if plan.listed:
        matches = _matches(plan, table, _candidates(table, plan, last + 1))
    else:
        every = _matches(plan, table, _candidates(table, plan, _READ_AT_ONCE))
        matches = iter(ordered(every, query.orders, lambda meta, field: meta[field]))
    found = list(islice(matches, skipped, last + 1))
    if len(found) <= query.limit:
        return found, None
    found = found[: query.limit]
    cursor = (0, found[-1]["name"]) if plan.listed else None
    return found, PageStart(query.start.offset + query.limit, cursor)


def _candidates(table: Table, plan: ModelPlan, page_size: int) -> Iterator[Item]:
    """META items of all that may match; in the order of names if that is the plan's."""
    few = few_models(table, plan)
    if few is None:
        return by_name(table, plan.names, min(page_size, _READ_AT_ONCE))
    return iter(in_name_order(few, plan.names))


def few_models(table: Table, plan: ModelPlan) -> list[Item] | None:
    """The META items of the candidates where the filter tells few; None: they must be listed."""
    if plan.named is not None:
        return named_models(table, plan.query.workspace, plan.named)
    keys = None if plan.posted is None else posted_keys(table, plan.posted)
    if keys is None and plan.lookups:
        keys = few_with_tags(table, plan.lookups)
    return None if keys is None else list(table.batch_get(keys, consistent=False).values())


def _matches(plan: ModelPlan, table: Table, candidates: Iterable[Item]) -> Iterator[Item]:
    query = plan.query
    passing = (meta for meta in candidates if _meta_passes(query, meta))
    if not query.filter.tags:
        yield from passing
        return
    size = min(_READ_AT_ONCE, query.limit + 1)
    while chunk := list(islice(passing, size)):
        texts = tag_texts(table, chunk, query.filter.tag_keys)
        for meta in chunk:
            if query.filter.tags_pass(known_tags(meta, texts)):
                yield meta


def _meta_passes(query: ModelQuery, meta: Item) -> bool:
    return (
        meta["workspace"] == query.workspace
        and DELETING not in meta
        and not (query.filter.hides_prompts and is_prompt(meta))
        and all(clause.test(meta["name"]) for clause in query.filter.attributes)
    )
