"""Searching model versions.

A row is a version's item that brings its model's META item as its attribute ``META``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from operator import itemgetter, methodcaller
from typing import Any, ClassVar, Final

from dynamodbstore_events.entities import DELETING
from dynamodbstore_events.keys import (
    GSI2,
    LAST_VERSION_NUMBER,
    META,
    VERSIONS,
    Key,
    parse_newest_first,
    prompts_listing,
    registered_models_listing,
    renamed_models_lookup,
    run_versions_lookup,
    version_sk,
    versions_listing,
)
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.fts.reader import MOST_CANDIDATES
from dynamodbstore_table.conditions import Not, equals
from dynamodbstore_table.port import EVERY, Item, SortRange, Table, begins_with
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
    SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD,
)
from mlflow.utils.search_utils import SearchModelVersionUtils

from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.registered_models.filters import (
    NAME,
    TAG_COMPARATORS,
    TAGS,
    TEXT_COMPARATORS,
    RegistryTags,
    hides_prompts,
    on_name,
    posted_names,
    prefix_of,
    registry_clauses,
    registry_orders,
)
from mlflow_dynamodbstore.registered_models.long_values import with_texts
from mlflow_dynamodbstore.registered_models.model_items import PROMPT, PROMPT_TAG, PROMPT_VERSIONS
from mlflow_dynamodbstore.registered_models.name_listing import ByNames, NamesListed
from mlflow_dynamodbstore.registered_models.version_items import (
    is_deleted,
    model_version,
    updated_at,
)
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
from mlflow_dynamodbstore.search.listings import (
    EVER,
    Listing,
    TimeOrder,
    TimeRange,
    merged_listings,
    sort_range,
)
from mlflow_dynamodbstore.search.order import ColumnOrder, Cursor, Order, RowOrder
from mlflow_dynamodbstore.search.plan import Plan, Query, steps_of, table_filter
from mlflow_dynamodbstore.search.pushdown import RANGED, time_range
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.sources import ByPostings, Source
from mlflow_dynamodbstore.search.values import Candidate

_READ_AT_ONCE: Final = 1000
_MODELS_AT_ONCE: Final = 16
_FOR_TIES: Final = 20
_MANY_VERSIONS: Final = 1000
"""From this many versions on, all models are listed rather than read by their keys."""

_NUMBER = Field(ATTRIBUTE, "version_number")
_CREATED = Field(ATTRIBUTE, "creation_timestamp")
_UPDATED = Field(ATTRIBUTE, "last_updated_timestamp")
_RUN = Field(ATTRIBUTE, "run_id")
_TYPES: Final = {NAME: str, _NUMBER: int, _CREATED: int, _UPDATED: int}
_NUMBER_COMPARATORS: Final = ("=", "!=", "<", "<=", ">", ">=")

_Shown = Callable[[Row], bool]


class ModelVersionSearch(Searchable[ModelVersion]):
    """The model versions of one workspace; those of prompts only if the filter is for them."""

    name = "model-versions"
    noun = "versions"
    rows = "versions' items and their models' META items"
    results = SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT
    columns: ClassVar = {
        NAME.key: Column(lambda version: version[META]["name"]),
        _NUMBER.key: Column(itemgetter("number"), "number"),
        "source_path": Column(methodcaller("get", "source"), "source"),
        _RUN.key: Column(methodcaller("get", "run_id"), "run_id"),
        _CREATED.key: Column(itemgetter("created")),
        _UPDATED.key: Column(lambda version: updated_at(version[META], version)),
    }
    smallest_chunk = 1

    def parse(self, request: Request) -> Query:
        _check_max_results(request.max_results)
        filter_string, order_by = request.filter_string, list(request.order_by or ())
        clauses = registry_clauses(SearchModelVersionUtils, filter_string, _attribute_clause)
        orders = registry_orders(
            order_by or ("last_updated_timestamp DESC",),
            _order,
            Order(NAME),
            Order(_NUMBER, ascending=False),
        )
        return self.query(
            request,
            clauses,
            orders,
            ColumnOrder(orders, self.columns, tuple(_TYPES[order.on] for order in orders)),
            *("model versions", request.workspace, filter_string or "", order_by),
            # Where more than names is compared, hardly a version of many models might pass.
            listed=orders[0].on == _UPDATED
            or (orders[0].on == NAME and len(on_name(clauses)) == len(clauses)),
            limit=request.max_results,
        )

    def plan(self, request: Request, query: Query, context: Context) -> Plan[ModelVersion]:
        workspace, clauses = request.workspace, query.clauses
        runs, named = only_values(clauses, _RUN), only_values(clauses, NAME)
        # The lookup has no versions with an empty run id: they are found in the listing.
        runs = None if runs is None or "" in runs else runs
        hidden = hides_prompts(clauses)
        kinds = {TAGS: RegistryTags()}
        few = runs is not None or named is not None
        steps = steps_of(clauses, self.columns, kinds, listed=not few)

        names = on_name(clauses)

        def model_shown(meta: Row) -> bool:
            return (
                meta["workspace"] == workspace
                and DELETING not in meta
                # One version that is a prompt hides all of its name, as in MLflow's SQL store.
                and not (hidden and meta.get(PROMPT_VERSIONS, 0) > 0)
                and (not names or all(one.test(meta["name"]) for one in names))
            )

        sources: list[Source] = []
        if runs is not None:
            sources.append(_OfRuns(runs))
        elif named is not None:
            sources.append(_OfModels(ByNames(workspace, named), _numbers(clauses), model_shown))
        else:
            not_prompt = Not(equals(PROMPT_TAG, PROMPT)) if hidden else None
            listing = Listing(versions_listing(workspace), table_filter(steps, not_prompt))
            sources += _sources(workspace, query, listing, model_shown, context)
        return Plan(
            of=self,
            query=query,
            sources=tuple(sources),
            steps=steps,
            visible=lambda version: model_shown(version[META]) and not is_deleted(version),
            read=_read,
            then="long texts of these are then read",
            kinds=kinds,
            notes=("prompts are left out",) if hidden else (),
        )


MODEL_VERSIONS: Final = ModelVersionSearch()


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

        Those of prompts are among them only if the filter is for them. Raises
        ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        request = Request(filter_string, max_results, order_by, page_token, self._scope.workspace)
        context = Context(self._config.current)
        return PagedList(*search(self._table, MODEL_VERSIONS, request, context))


def _check_max_results(max_results: int | None) -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` in MLflow's words, which are others than for runs."""
    if not isinstance(max_results, int) or max_results < 1:
        raise MlflowException.invalid_parameter_value(
            f"Invalid value for max_results. It must be a positive integer, but got {max_results}"
        )
    if max_results > SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD:
        raise MlflowException.invalid_parameter_value(
            "Invalid value for request parameter max_results. It must be at most "
            f"{SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD}, but got value {max_results}"
        )


def _attribute_clause(key: str, comparator: str, value: Any) -> Clause:
    if key in SearchModelVersionUtils.NUMERIC_ATTRIBUTES:
        check_comparator(f"attribute {key}", comparator, _NUMBER_COMPARATORS)
        value = _whole_number(key, value)
    else:
        valid = TEXT_COMPARATORS if key in (NAME.key, _RUN.key) else TAG_COMPARATORS
        check_comparator("attribute", comparator, valid)
    return clause(Field(ATTRIBUTE, key), comparator, value)


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


def _order(text: str) -> Order:
    _, key, ascending = SearchModelVersionUtils.parse_order_by_for_search_model_versions(text)
    on = Field(ATTRIBUTE, key)
    if on not in _TYPES:
        raise MlflowException.invalid_parameter_value(
            f"Invalid order by key '{key}' specified. Valid keys are "
            f"{', '.join(valid.key for valid in _TYPES)}."
        )
    return Order(on, ascending)


def _numbers(clauses: Iterable[Clause]) -> SortRange | None:
    """The sort keys of the versions whose numbers can pass; None where there can be none."""
    left = time_range(one for one in clauses if one.on == _NUMBER and one.comparator in RANGED)
    first, last = max(1, left.earliest), min(LAST_VERSION_NUMBER, left.latest)
    return SortRange(version_sk(first), version_sk(last)) if first <= last else None


# Where candidates come from


def _sources(
    workspace: str, query: Query, listing: Listing, model_shown: _Shown, context: Context
) -> Iterator[Source]:
    """The sources where the filter names neither runs nor models."""
    clauses, numbers = query.clauses, _numbers(query.clauses)
    kinds = registered_models_listing(workspace), prompts_listing(workspace)
    models = tuple(Listing(pk) for pk in kinds)
    prefix = prefix_of(clauses)
    posted = posted_names(workspace, clauses, context.config)
    if posted is not None:
        yield _OfModels(ByPostings(posted), numbers, model_shown)
    by_name = not query.orders and query.comes.types[0] is str
    if by_name:
        listed = NamesListed(models, query.comes.ascending[0], prefix)
        yield _InNames(listed, numbers, model_shown, query.comes)
        return
    if prefix:
        yield _OfModels(_FewNames(NamesListed(models, prefix=prefix)), numbers, model_shown)
    if query.orders:
        only_names = len(on_name(clauses)) == len(clauses)
        yield _Every(listing, NamesListed(models) if only_names else None)
    else:
        yield _ByUpdate(workspace, listing, query.comes)


@dataclass(slots=True)
class _Models:
    """META items by partition key, each read once (None: the item is missing)."""

    table: Table
    metas: dict[str, Item | None] = field(default_factory=dict)

    def add(self, metas: Iterable[Item]) -> None:
        """Take these as read."""
        self.metas.update((meta["PK"], meta) for meta in metas)

    def rows(self, versions: Iterable[Item]) -> Iterator[Item]:
        """The items with their models, which are read in one batch; those without are left out."""
        versions = list(versions)
        wanted = {item["PK"] for item in versions} - self.metas.keys()
        if wanted:
            found = self.table.batch_get(((pk, META) for pk in wanted), consistent=False)
            self.metas.update((pk, found.get((pk, META))) for pk in wanted)
        for item in versions:
            meta = self.metas[item["PK"]]
            if meta is not None:
                item[META] = meta
                yield item

    def versions_of(self, metas: Sequence[Item], numbers: SortRange | None) -> Iterator[Item]:
        """The versions of these models whose numbers are in a range (None: there are none)."""
        self.add(metas)
        if numbers is None:
            return iter(())
        partitions = self.table.partitions([meta["PK"] for meta in metas], sk=numbers)
        return self.rows(item for items in partitions.values() for item in items)


@dataclass(frozen=True, slots=True)
class _OfRuns(Source):
    """The versions that some runs have made, read with their models in one batch."""

    runs: tuple[str, ...]

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item]:
        def lookup(run_id: str) -> list[Key]:
            listed = table.query_all(run_versions_lookup(run_id), index=GSI2)
            return [(item["PK"], item["SK"]) for item in listed]

        found = table.at_once([partial(lookup, run_id) for run_id in self.runs])
        keys = dict.fromkeys(key for of_run in found for key in of_run)
        if not keys:
            return ()
        metas = dict.fromkeys((pk, META) for pk, _ in keys)
        items = table.batch_get([*keys, *metas])
        models = _Models(table)
        models.add(items[key] for key in metas if key in items)
        return models.rows(items[key] for key in keys if key in items)

    def lines(self, noun: str) -> Iterator[str]:
        yield f"candidates: {noun} of {len(self.runs)} run(s), by a lookup of each"


@dataclass(frozen=True, slots=True)
class _OfModels(Source):
    """The versions of the models of another source, where these are few."""

    models: Source
    numbers: SortRange | None
    shown: _Shown = field(compare=False, repr=False)

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item] | None:
        metas = self.models.rows(table, None, MOST_CANDIDATES + 1)
        if metas is None:
            return None
        return _Models(table).versions_of([m for m in metas if self.shown(m)], self.numbers)

    def lines(self, noun: str) -> Iterator[str]:
        yield from self.models.lines(f"{noun} of models")
        yield from _number_lines(self.numbers)


@dataclass(frozen=True, slots=True)
class _FewNames(Source):
    """The models whose names begin alike, where these are few."""

    names: NamesListed

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterable[Item] | None:
        metas = list(islice(self.names.rows(table, None, chunk), chunk))
        return metas if len(metas) < chunk else None

    def lines(self, noun: str) -> Iterator[str]:
        few = f"if more than {MOST_CANDIDATES}, these:"
        yield f"candidates: {noun}{self.names.beginning}; {few}"


@dataclass(frozen=True, slots=True)
class _InNames(Source):
    """The versions of all models in the order of the models' names."""

    names: NamesListed
    numbers: SortRange | None
    shown: _Shown = field(compare=False, repr=False)
    order: RowOrder

    in_order: ClassVar[bool] = True

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterator[Item]:
        models = _Models(table)
        after = None if cursor is None else cursor[0]
        metas = filter(self.shown, self.names.behind(table, after, chunk, with_it=True))
        at_once = _MODELS_AT_ONCE
        while some := list(islice(metas, at_once)):
            yield from self.order.in_order(models.versions_of(some, self.numbers), cursor)
            at_once = min(2 * at_once, _READ_AT_ONCE)

    def lines(self, noun: str) -> Iterator[str]:
        yield from self.names.lines(f"{noun} of models")
        yield from _number_lines(self.numbers)


@dataclass(frozen=True, slots=True)
class _ByUpdate(Source):
    """All versions in the order of their last update.

    Renaming a model counts as an update of its versions, but does not write them. So the
    listing is merged with that of the models that were renamed: the versions that were not
    changed since stand where their model does.
    """

    workspace: str
    listing: Listing
    order: RowOrder

    in_order: ClassVar[bool] = True

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterator[Item]:
        oldest_first, times = self.order.ascending[0], EVER
        if cursor is not None:
            times = TimeRange(earliest=cursor[0]) if oldest_first else TimeRange(latest=cursor[0])
        keys = sort_range(TimeOrder(not oldest_first), times, None)
        if keys is None:
            return
        models = _Models(table)
        # A group ends where the next one begins, and the cursor's own is read again.
        size = min(chunk + _FOR_TIES, _READ_AT_ONCE)
        merged = heapq.merge(
            self._unmoved(table, keys, models, size),
            self._renamed(table, keys),
            key=lambda entry: entry[0] if oldest_first else -entry[0],
        )
        for time_ms, group in groupby(merged, itemgetter(0)):
            found: list[Item] = []
            for _, entry in group:
                if isinstance(entry, str):
                    found += _moved_with(table, models, entry, time_ms)
                else:
                    found.append(entry)
            here = cursor if cursor is not None and cursor[0] == time_ms else None
            yield from self.order.in_order(found, here)

    def _unmoved(
        self, table: Table, keys: SortRange, models: _Models, size: int
    ) -> Iterator[tuple[int, Item | str]]:
        """The versions that were changed after their model was renamed, if it ever was."""
        reverse = bool(self.order.ascending[0])
        listed = merged_listings(table, [self.listing], keys, reverse=reverse, page_size=size)
        while some := list(islice(listed, size)):
            for version in models.rows(some):
                own: int = version["updated"]
                if updated_at(version[META], version) == own:
                    yield own, version

    def _renamed(self, table: Table, keys: SortRange) -> Iterator[tuple[int, Item | str]]:
        """The partition keys of models, each at the time of its renaming."""
        lookup, reverse = renamed_models_lookup(self.workspace), bool(self.order.ascending[0])
        for item in table.query_all(lookup, index=GSI2, sk=keys, reverse=reverse):
            yield parse_newest_first(item["gsi2sk"])[0], item["PK"]

    def lines(self, noun: str) -> Iterator[str]:
        order = "oldest first" if self.order.ascending[0] else "newest first"
        yield f"candidates: {noun}, read by last update, {order}"
        yield f"  {self.listing}"


def _moved_with(table: Table, models: _Models, pk: str, renamed: int) -> Iterator[Item]:
    """The versions of a model that were not changed since it was renamed, at that time."""
    for version in models.rows(table.query_all(pk, sk=begins_with(VERSIONS))):
        if version["updated"] < updated_at(version[META], version) == renamed:
            yield version


@dataclass(frozen=True, slots=True)
class _Every(Source):
    """All versions, in no order; if they are many, with all of ``models``."""

    listing: Listing
    models: NamesListed | None

    in_order: ClassVar[bool] = True

    def rows(self, table: Table, cursor: Cursor | None, chunk: int) -> Iterator[Item]:
        models = _Models(table)
        listed = merged_listings(
            table, [self.listing], EVERY, reverse=False, page_size=_READ_AT_ONCE
        )
        some = list(islice(listed, _MANY_VERSIONS))
        if self.models is not None and len(some) == _MANY_VERSIONS:
            models.add(self.models.rows(table, None, _READ_AT_ONCE))
        while some:
            yield from models.rows(some)
            some = list(islice(listed, _READ_AT_ONCE))

    def lines(self, noun: str) -> Iterator[str]:
        yield f"candidates: {noun}, all read"
        yield f"  {self.listing}"
        if self.models is not None:
            yield f"with {_MANY_VERSIONS:,} versions or more, models, all read"
            yield from (f"  {listing}" for listing in self.models.listings)


def _number_lines(numbers: SortRange | None) -> Iterator[str]:
    if numbers is None:
        yield "  no version: the numbers exclude each other"
    elif numbers != SortRange(version_sk(1), version_sk(LAST_VERSION_NUMBER)):
        yield f"  {numbers.low} to {numbers.high}"


def _read(
    table: Table, found: Sequence[Candidate], shown: Callable[[Row], bool]
) -> list[ModelVersion]:
    """MLflow's versions, without aliases, as in its SQL store's searches."""
    metas = {one.row["PK"]: one.row[META] for one in found}
    versions, texts = with_texts(table, (one.row for one in found))
    return [model_version(metas[item["PK"]], item, texts, []) for item in versions]
