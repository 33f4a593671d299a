"""Searching experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, ClassVar

from dynamodbstore_events.entities import EXPERIMENT
from dynamodbstore_events.keys import META, experiment_pk, experiments_listing, tag_sk
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.fts.projection import DESCRIPTION_FIELD, DESCRIPTION_TAG, NAME_FIELD
from dynamodbstore_projections.tags.projection import TAGGED
from dynamodbstore_table.conditions import equals
from dynamodbstore_table.items.texts import texts
from dynamodbstore_table.port import SortRange, Table
from mlflow.entities import Experiment, LifecycleStage, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils.search_utils import SearchExperimentsUtils
from mlflow.utils.validation import _parse_experiment_id

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.experiments.experiment_items import experiment_entity
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
from mlflow_dynamodbstore.search.comparisons import IS_NOT_NULL, IS_NULL
from mlflow_dynamodbstore.search.execute import search
from mlflow_dynamodbstore.search.listings import Listing, TimeOrder, time_order
from mlflow_dynamodbstore.search.order import Order
from mlflow_dynamodbstore.search.plan import Plan, Query, steps_of, table_filter
from mlflow_dynamodbstore.search.requests import check_max_results, parsed
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.sources import ByKey, Listed, Source, by_postings
from mlflow_dynamodbstore.search.values import Candidate, ItemValues, tags_on_rows

_TAG = "tags"
_TEXT_COMPARATORS = ("=", "!=", "LIKE", "ILIKE")
_ID_COMPARATORS = ("=", "!=", "IN", "NOT IN")
_ID = Field(ATTRIBUTE, "experiment_id")
_CREATED = Field(ATTRIBUTE, "creation_time")
_NAME = Field(ATTRIBUTE, "name")
_DESCRIPTION = Field(_TAG, DESCRIPTION_TAG)
_POSTED = {_NAME: NAME_FIELD, _DESCRIPTION: DESCRIPTION_FIELD}
_META_AND_TAGS = SortRange(META, "TAG#\U0010ffff")
_LISTED = ("PK", "gsi1sk", "name", "workspace", "stage", "created", "updated")


class ExperimentSearch(Searchable[Experiment]):
    """Experiments of one workspace."""

    name = "experiments"
    noun = "experiments"
    results = SEARCH_MAX_RESULTS_DEFAULT
    options = ("view_type",)
    smallest_chunk = 1
    # Ids are numbers here, and times in ms.
    columns: ClassVar = {
        "experiment_id": Column(lambda meta: int(meta["PK"].partition("#")[2])),
        "name": Column(itemgetter("name")),
        "creation_time": Column(itemgetter("created")),
        "last_update_time": Column(itemgetter("updated")),
    }

    def parse(self, request: Request) -> Query:
        check_max_results(request.max_results)
        filter_string, order_by = request.filter_string, list(request.order_by or ())
        found = parsed("filter", filter_string, SearchExperimentsUtils.parse_search_filter)
        clauses = [_clause(one) for one in found]
        orders = _orders(order_by)
        comes = time_order(orders, _CREATED, _ID)
        return self.query(
            request,
            clauses,
            orders,
            comes or TimeOrder(),
            *("experiments", request.workspace, filter_string or "", request.view_type, order_by),
            listed=comes is not None,
            limit=request.max_results,
        )

    def plan(self, request: Request, query: Query, context: Context) -> Plan[Experiment]:
        workspace, stages = request.workspace, LifecycleStage.view_type_to_stages(request.view_type)
        config = context.config()
        named = only_values(query.clauses, _ID)
        # A listing has experiments with patterns of their own; only the global ones hold for all.
        on_row = tags_on_rows(config, [on for on in query.fields if on.kind == _TAG], [""])
        kinds = {_TAG: ItemValues({_TAG: tag_sk}, on_row)}
        steps = steps_of(query.clauses, self.columns, kinds, listed=named is None)
        sources: list[Source] = []
        if named is not None:
            ids = map(str, sorted(named))
            sources.append(ByKey(tuple((experiment_pk(one), META) for one in ids)))
        else:
            few = by_postings(config, EXPERIMENT, [workspace], query.clauses, _POSTED)
            sources += [] if few is None else [few]
            view = equals("stage", stages[0]) if len(stages) == 1 else None
            listing = Listing(experiments_listing(workspace), table_filter(steps, view))
            order = query.comes if isinstance(query.comes, TimeOrder) else TimeOrder()
            attributes = (*_LISTED, TAGGED, *on_row.values())
            sources.append(Listed((listing,), order, attributes=attributes))
        return Plan(
            of=self,
            query=query,
            sources=tuple(sources),
            steps=steps,
            visible=lambda meta: meta["workspace"] == workspace and meta["stage"] in stages,
            read=_read,
            then="each experiment is then read with its tags",
            kinds=kinds,
        )


EXPERIMENTS = ExperimentSearch()


class SearchExperiments:
    """``search_experiments``."""

    def __init__(self, table: Table, scope: Scope, config: ConfigSource) -> None:
        self._table = table
        self._scope = scope
        self._config = config

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_MAX_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | bytes | None = None,
    ) -> PagedList[Experiment]:
        """A page of the experiments that match, with the token of the next page if there is one.

        Raises ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        request = Request(
            filter_string,
            max_results,
            order_by,
            page_token,
            self._scope.workspace,
            view_type=view_type,
        )
        context = Context(self._config.current)
        return PagedList(*search(self._table, EXPERIMENTS, request, context))


def _clause(found: Mapping[str, Any]) -> Clause:
    key, comparator, value = found["key"], found["comparator"], found["value"]
    if found["type"] == "tag":
        if comparator not in (IS_NULL, IS_NOT_NULL):
            check_comparator("tag", comparator, _TEXT_COMPARATORS)
        return clause(Field(_TAG, key), comparator, value)
    if key == "experiment_id":
        check_comparator("experiment_id", comparator, _ID_COMPARATORS)
        listed = isinstance(value, tuple)
        value = tuple(map(_parse_experiment_id, value)) if listed else _parse_experiment_id(value)
    elif SearchExperimentsUtils.is_numeric_attribute("attribute", key, comparator):
        if not isinstance(value, int):
            raise MlflowException.invalid_parameter_value(
                f"Invalid value for numeric attribute '{key}': {str(value)!r}. "
                "It must be a whole number of milliseconds."
            )
    elif SearchExperimentsUtils.is_string_attribute("attribute", key, comparator):
        check_comparator("string attribute", comparator, _TEXT_COMPARATORS)
    return clause(Field(ATTRIBUTE, key), comparator, value)


def _orders(order_by: Iterable[str]) -> tuple[Order, ...]:
    """The orders, most important first, down to the one that leaves no ties: the id's.

    Without an order the newest are first and ids ascend; with one, ids descend.
    """
    parse = SearchExperimentsUtils.parse_order_by_for_search_experiments
    orders: list[Order] = []
    for text in order_by or ("creation_time DESC", "experiment_id ASC"):
        kind, key, ascending = parsed("order", text, parse)
        if kind != "attribute":
            raise MlflowException.invalid_parameter_value(
                f"Invalid order_by entity: {kind}. Experiments are ordered by attributes."
            )
        orders.append(Order(Field(ATTRIBUTE, key), ascending))
    if all(order.on != _ID for order in orders):
        orders.append(Order(_ID, ascending=False))
    return tuple(orders)


def _read(
    table: Table, found: Sequence[Candidate], shown: Callable[[Row], bool]
) -> list[Experiment]:
    """The experiments as they are now with their tags, without those that no longer match."""
    read = table.partitions([one.row["PK"] for one in found], sk=_META_AND_TAGS)
    return [
        experiment_entity(ExperimentState.from_item(items[0]), texts(items[1:]))
        for items in read.values()
        if items and items[0]["SK"] == META and shown(items[0])
    ]
