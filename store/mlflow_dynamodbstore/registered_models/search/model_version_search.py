"""Searching model versions, and carrying it out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from dynamodbstore_events.keys import GSI2, META, Key, run_versions_lookup
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.fts.reader import MOST_CANDIDATES, posted_keys
from dynamodbstore_table.checks import is_unicode
from dynamodbstore_table.port import Item, SortRange, Table
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT

from mlflow_dynamodbstore.core.gc_pause import collector_paused_listing
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.search.found_version import (
    FoundVersion,
    Models,
    model_passes,
    passing,
)
from mlflow_dynamodbstore.registered_models.search.long_values import with_texts
from mlflow_dynamodbstore.registered_models.search.model_version_plan import (
    MANY_VERSIONS,
    VersionPlan,
    parse_version_query,
    plan_versions,
)
from mlflow_dynamodbstore.registered_models.search.name_listing import Names, by_name
from mlflow_dynamodbstore.registered_models.search.named_models import named_models
from mlflow_dynamodbstore.registered_models.search.orders import ordered
from mlflow_dynamodbstore.registered_models.search.version_listing import (
    Updates,
    by_update,
    every_version,
)
from mlflow_dynamodbstore.registered_models.version_items import model_version
from mlflow_dynamodbstore.search import tokens
from mlflow_dynamodbstore.search.tokens import PageStart

_READ_AT_ONCE: Final = 1000
_QUERIES_AT_ONCE: Final = 16
_FOR_TIES: Final = 20


class SearchModelVersions:
    """``search_model_versions``."""

    def __init__(self, table: Table, scope: Scope, config: ConfigSource) -> None:
        self._table = table
        self._scope = scope
        self._config = config

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | bytes | None = None,
    ) -> PagedList[ModelVersion]:
        """A page of the versions that match, with the token of the next page if there is one.

        Those of prompts are among them only if the filter asks for them. Raises
        ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        query = parse_version_query(
            self._scope.workspace, filter_string, max_results, order_by, page_token
        )
        plan = plan_versions(query, self._config.current)
        with collector_paused_listing(self._table):
            found, following = find_versions(self._table, plan)
        token = following and tokens.encode(query.fingerprint, following)
        return PagedList(model_versions(self._table, found), token)


def find_versions(table: Table, plan: VersionPlan) -> tuple[list[FoundVersion], PageStart | None]:
    """The versions of the page, and where the next page starts (None: nowhere)."""
    query = plan.query
    models = Models(table)
    few = _few(table, plan, models)
    skipped = query.start.offset
    streamed = few is None and plan.in_order
    if streamed:
        skipped = 0 if query.start.cursor is not None else skipped
        wanted = skipped + query.limit + 1
        if plan.in_names is not None:
            matches = _named_in_order(table, plan, plan.in_names, models, wanted)
        else:
            matches = _updated(table, plan, models, wanted)
    else:
        if few is None:
            few = _every(table, plan, models)
        every = passing(table, query.filter, query.workspace, few)
        matches = iter(ordered(every, query.orders, FoundVersion.value))
    found = list(islice(matches, skipped, skipped + query.limit + 1))
    if len(found) <= query.limit:
        return found, None
    found = found[: query.limit]
    cursor = _cursor(plan, found[-1]) if streamed else None
    return found, PageStart(query.start.offset + query.limit, cursor)


def _few(table: Table, plan: VersionPlan, models: Models) -> Iterator[FoundVersion] | None:
    """The candidates where the filter tells few runs or models; None: they must be listed."""
    if plan.runs is not None:
        return _of_runs(table, plan.runs, models)
    metas = _few_models(table, plan)
    if metas is None:
        return None
    query = plan.query
    metas = [meta for meta in metas if model_passes(query.filter, query.workspace, meta)]
    return _of_models(table, metas, plan.numbers, models)


def _few_models(table: Table, plan: VersionPlan) -> list[Item] | None:
    if plan.named is not None:
        return named_models(table, plan.query.workspace, plan.named)
    keys = None if plan.posted is None else posted_keys(table, plan.posted)
    if keys is not None:
        return list(table.batch_get(keys, consistent=False).values())
    if plan.names is None:
        return None
    metas = list(islice(by_name(table, plan.names, MOST_CANDIDATES + 1), MOST_CANDIDATES + 1))
    return metas if len(metas) <= MOST_CANDIDATES else None


def _of_models(
    table: Table, metas: Sequence[Item], numbers: SortRange | None, models: Models
) -> Iterator[FoundVersion]:
    """The versions of these models whose numbers are in a range (None: there are none)."""
    models.add(metas)
    if numbers is None:
        return iter(())
    partitions = table.partitions([meta["PK"] for meta in metas], sk=numbers)
    return models.versions(item for items in partitions.values() for item in items)


def _of_runs(table: Table, runs: Sequence[str], models: Models) -> Iterator[FoundVersion]:
    """The versions that these runs have made, read with their models in one batch."""

    def lookup(run_id: str) -> list[Key]:
        listed = table.query_all(run_versions_lookup(run_id), index=GSI2)
        return [(item["PK"], item["SK"]) for item in listed]

    found: list[list[Key]]
    if table.remote and len(runs) > 1:
        with ThreadPoolExecutor(min(_QUERIES_AT_ONCE, len(runs))) as pool:
            found = list(pool.map(lookup, runs))
    else:
        found = [lookup(run_id) for run_id in runs]
    keys = dict.fromkeys(key for of_run in found for key in of_run)
    if not keys:
        return iter(())
    metas = dict.fromkeys((pk, META) for pk, _ in keys)
    items = table.batch_get([*keys, *metas])
    models.add(items[key] for key in metas if key in items)
    return models.versions(items[key] for key in keys if key in items)


def _every(table: Table, plan: VersionPlan, models: Models) -> Iterator[FoundVersion]:
    listed = every_version(table, plan.listing)
    chunk = list(islice(listed, MANY_VERSIONS))
    if plan.whole is not None and len(chunk) == MANY_VERSIONS:
        models.add(by_name(table, plan.whole, _READ_AT_ONCE))
    while chunk:
        yield from models.versions(chunk)
        chunk = list(islice(listed, _READ_AT_ONCE))


def _updated(
    table: Table, plan: VersionPlan, models: Models, wanted: int
) -> Iterator[FoundVersion]:
    """The versions that match in the order of their updates, those behind the cursor."""
    query = plan.query
    newest_first, rest = not query.orders[0][1], query.orders[1:]
    reached = query.start.cursor
    updates = Updates(
        query.workspace, plan.listing, newest_first, None if reached is None else reached[0]
    )
    behind = None if reached is None else _parsed_cursor(reached[1], rest)
    # A group ends where the next one begins, and the cursor's own is read again.
    chunk = min(wanted + _FOR_TIES, _READ_AT_ONCE)
    for time_ms, group in by_update(table, updates, models, chunk):
        matching = passing(table, query.filter, query.workspace, group)
        for found in ordered(matching, rest, FoundVersion.value):
            if (
                behind is None
                or reached is None
                or time_ms != reached[0]
                or _is_behind(found, rest, behind)
            ):
                yield found


def _named_in_order(
    table: Table, plan: VersionPlan, names: Names, models: Models, wanted: int
) -> Iterator[FoundVersion]:
    """The versions that match in the order of their models' names, those behind the cursor."""
    query = plan.query
    reached = query.start.cursor
    behind = None if reached is None else _parsed_cursor(reached[1], query.orders)
    if behind is not None:
        names = replace(names, after=behind[0], from_it_on=True)
    listed = by_name(table, names, min(wanted, _READ_AT_ONCE))
    metas = (meta for meta in listed if model_passes(query.filter, query.workspace, meta))
    chunk = _QUERIES_AT_ONCE
    while some := list(islice(metas, chunk)):
        group = _of_models(table, some, plan.numbers, models)
        matching = passing(table, query.filter, query.workspace, group)
        for found in ordered(matching, query.orders, FoundVersion.value):
            if behind is None or _is_behind(found, query.orders, behind):
                yield found
        chunk = min(2 * chunk, _READ_AT_ONCE)


def _cursor(plan: VersionPlan, last: FoundVersion) -> tuple[int, str]:
    orders = plan.query.orders
    if plan.in_names is not None:
        return 0, json.dumps([last.value(field) for field, _ in orders])
    return last.value("updated"), json.dumps([last.value(field) for field, _ in orders[1:]])


def _parsed_cursor(text: str, rest: Sequence[tuple[str, bool]]) -> list[Any]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if (
        not isinstance(values, list)
        or len(values) != len(rest)
        or not all(map(_may_be, (field for field, _ in rest), values))
    ):
        raise MlflowException.invalid_parameter_value(
            f"Invalid page token: its cursor {text!r} is none of this query. A page token is the "
            "next_page_token of the page before."
        )
    return values


def _may_be(field: str, value: Any) -> bool:
    """Whether a version may have the value in the field."""
    if field == "name":
        return isinstance(value, str) and value != "" and is_unicode(value)
    return type(value) is int


def _is_behind(found: FoundVersion, rest: Sequence[tuple[str, bool]], values: list[Any]) -> bool:
    for (field, ascending), reached in zip(rest, values, strict=True):
        value = found.value(field)
        if value != reached:
            return bool((value > reached) == ascending)
    return False


def model_versions(table: Table, found: Sequence[FoundVersion]) -> list[ModelVersion]:
    """MLflow's versions, without aliases, as in its SQL store's searches."""
    metas = {one.version["PK"]: one.meta for one in found}
    versions, texts = with_texts(table, (one.version for one in found))
    return [model_version(metas[item["PK"]], item, texts, []) for item in versions]
