"""Searching runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import methodcaller
from typing import Any, ClassVar, Final

from dynamodbstore_events.entities import RUN
from dynamodbstore_events.keys import META, metric_sk, param_sk, run_pk, runs_listing, tag_sk
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.fts.projection import SOURCES
from dynamodbstore_projections.summary.projection import ENDED
from dynamodbstore_projections.tags.projection import TAGGED
from dynamodbstore_table.joins import JoiningTable
from dynamodbstore_table.port import Table, begins_with
from mlflow.entities import LifecycleStage, Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_RUN_NAME
from mlflow.utils.search_utils import SearchUtils
from mlflow.utils.validation import _parse_experiment_ids

from mlflow_dynamodbstore.core.lifecycle import ExperimentState, in_view
from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.runs.read_runs import read_runs
from mlflow_dynamodbstore.runs.summaries import INFO_ATTRIBUTES
from mlflow_dynamodbstore.search.clause import (
    ATTRIBUTE,
    Clause,
    Column,
    Field,
    Row,
    clause,
    only_values,
)
from mlflow_dynamodbstore.search.comparisons import metric_predicate
from mlflow_dynamodbstore.search.execute import search
from mlflow_dynamodbstore.search.listings import Listing, TimeOrder, time_order
from mlflow_dynamodbstore.search.order import Order
from mlflow_dynamodbstore.search.plan import Plan, Query, joined, steps_of, table_filter
from mlflow_dynamodbstore.search.pushdown import time_range
from mlflow_dynamodbstore.search.requests import check_max_results, parsed
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.search.sources import ByKey, Listed, Source, by_postings
from mlflow_dynamodbstore.search.values import Candidate, ItemValues, Place, Values, tags_on_rows

SUMMARIES_BUILT: Final = "summary"
_TAG, _PARAM, _METRIC, _DATASET = "tags", "params", "metrics", "dataset"
_SORT_KEYS: Final = {_TAG: tag_sk, _PARAM: param_sk, _METRIC: metric_sk}
_POSTED = {Field(_TAG, tag): field for field, tag in SOURCES[RUN].tags.items()}
_ID = Field(ATTRIBUTE, "run_id")
_STARTED = Field(ATTRIBUTE, "start_time")
_LISTED = ("PK", "gsi1sk", "experiment_id", "stage", "epoch")
_ON_META = ("user_id", "status", "start_time", "end_time", "artifact_uri", "name")


class RunSearch(Searchable[Run]):
    """Runs of some experiments, in one view of them."""

    name = "runs"
    noun = "runs"
    results = SEARCH_MAX_RESULTS_DEFAULT
    options = ("experiment_ids", "view_type")
    columns: ClassVar = {
        "run_id": Column(lambda meta: meta["PK"].partition("#")[2]),
        **{name: Column(methodcaller("get", name), name) for name in _ON_META},
    }

    def parse(self, request: Request) -> Query:
        check_max_results(request.max_results, none_is_all=True)
        filter_string, order_by = request.filter_string, list(request.order_by or ())
        clauses = list(map(_clause, parsed("filter", filter_string, _parse_filter)))
        orders = _orders(order_by)
        comes = time_order(orders, _STARTED, _ID)
        ids = sorted(_ids(request))
        return self.query(
            request,
            clauses,
            orders,
            comes or TimeOrder(),
            *("runs", ids, filter_string or "", request.view_type, order_by),
            listed=comes is not None,
            limit=request.max_results,
        )

    def plan(self, request: Request, query: Query, context: Context) -> Plan[Run]:
        ids, config = _ids(request), context.config()
        experiments = context.experiments(ids)
        if not LifecycleStage.view_type_to_stages(request.view_type):
            experiments = {}
        searched = [experiments[e] for e in ids if e in experiments]
        views = {e.experiment_id: in_view(request.view_type, e) for e in searched}
        tags = [on for on in query.fields if on.kind == _TAG]
        on_meta = tags_on_rows(config, tags, list(views))
        items = ItemValues(_SORT_KEYS, on_meta)
        kinds: dict[str, Values] = {**dict.fromkeys(_SORT_KEYS, items), _DATASET: _DATASET_INPUTS}
        named = only_values(query.clauses, _ID)
        steps = steps_of(
            query.clauses,
            self.columns,
            kinds,
            listed=named is None,
            ranged=_STARTED,
            joins=context.joins and named is None,
        )
        summaries = SUMMARIES_BUILT in config.built
        sources: list[Source] = []
        if named is not None:
            sources.append(ByKey(tuple((run_pk(run_id), META) for run_id in named)))
        else:
            times = time_range(step.clause for step in steps if step.place is Place.KEYS)
            beside = joined(steps, kinds)
            listings = (
                Listing(
                    runs_listing(e.experiment_id, shard),
                    table_filter(steps, views[e.experiment_id]),
                    beside,
                )
                for e in searched
                for shard in range(e.run_shards)
            )
            few = by_postings(config, RUN, list(views), query.clauses, _POSTED)
            sources += [] if few is None or times.is_empty else [few]
            order = query.comes if isinstance(query.comes, TimeOrder) else TimeOrder()
            attributes = _attributes(query, on_meta, summaries)
            sources.append(Listed(tuple(listings), order, times, attributes))

        def visible(meta: Row) -> bool:
            experiment_id = meta["experiment_id"]
            if experiment_id not in views:
                return False
            view = views[experiment_id]
            return view is None or view.holds(meta)

        return Plan(
            of=self,
            query=query,
            sources=tuple(sources),
            steps=steps,
            visible=visible,
            read=partial(_read, experiments, summaries),
            then="ended runs are then read from their summaries, others whole"
            if summaries
            else "each run is then read whole",
            kinds=kinds,
            notes=(f"view: {len(views)} experiment(s)",),
        )


RUNS = RunSearch()


class SearchRuns:
    """``search_runs``."""

    serves = ("_search_runs",)

    def __init__(self, table: Table, lookup: Lookup, config: ConfigSource) -> None:
        self._table = table
        self._experiments = lookup.experiments
        self._config = config

    def _search_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: Sequence[str] | None,
        page_token: str | bytes | None,
    ) -> tuple[list[Run], str | None]:
        """A page of the runs that match, and the token of the next page (None: no more).

        Raises ``INVALID_PARAMETER_VALUE`` for a filter, order, token or number that is wrong.
        """
        request = Request(
            filter_string,
            max_results,
            order_by,
            page_token,
            experiment_ids=experiment_ids,
            view_type=run_view_type,
        )
        joins = isinstance(self._table, JoiningTable)
        context = Context(self._config.current, joins, self._experiments.find_many)
        return search(self._table, RUNS, request, context)


class _DatasetInputs(Values):
    """Of a run's dataset inputs: all names, digests or contexts; a clause may hold of any."""

    def sort_key(self, on: Field) -> str:
        return "INPUT#DATASET#…"

    def read(self, table: Table, candidates: Sequence[Candidate], fields: Sequence[Field]) -> None:
        inputs = table.partitions(
            [candidate.row["PK"] for candidate in candidates],
            sk=begins_with("INPUT#DATASET#"),
            attributes=("PK", "SK", "name", "digest", "tags"),
        )
        for candidate in candidates:
            found = inputs[candidate.row["PK"]]
            for on in fields:
                candidate.values[on] = [value for one in found for value in _of_input(one, on.key)]


_DATASET_INPUTS: Final = _DatasetInputs()


def _of_input(dataset_input: Mapping[str, Any], name: str) -> list[Any]:
    if name == "context":
        return [value for key, value in dataset_input["tags"] if key == MLFLOW_DATASET_CONTEXT]
    return [dataset_input[name]]


def _ids(request: Request) -> list[str]:
    return list(dict.fromkeys(map(str, _parse_experiment_ids(list(request.experiment_ids)))))


def _parse_filter(text: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = SearchUtils.parse_search_filter(text)
    return found


def _clause(found: Mapping[str, Any]) -> Clause:
    kind, value = found["type"], found["value"]
    key: str = SearchUtils.translate_key_alias(found["key"])
    comparator: str = found["comparator"].upper()
    if SearchUtils.is_attribute(kind, key, comparator):
        if key == "run_name":
            # The SQL store reads the name's tag here: runs of old MLflows have only that.
            return clause(Field(_TAG, MLFLOW_RUN_NAME), comparator, value)
        return clause(Field(ATTRIBUTE, key), comparator, value)
    if SearchUtils.is_metric(kind, comparator):
        number = float(value)
        test = metric_predicate(comparator, number)
        return Clause(Field(_METRIC, key), comparator, number, test)
    if SearchUtils.is_param(kind, comparator):
        return clause(Field(_PARAM, key), comparator, value)
    if SearchUtils.is_tag(kind, comparator):
        return clause(Field(_TAG, key), comparator, value)
    if SearchUtils.is_dataset(kind, comparator):
        plain = clause(Field(_DATASET, key), comparator, value)
        return Clause(plain.on, comparator, value, lambda found: any(map(plain.test, found)))
    raise MlflowException.invalid_parameter_value(f"Invalid search expression type '{kind}'")


def _orders(order_by: Sequence[str]) -> tuple[Order, ...]:
    """The orders, most important first.

    Raises ``INVALID_PARAMETER_VALUE`` for what can't be parsed or sorted by, and, as the SQL store
    does, ``INTERNAL_ERROR`` for a field given twice.
    """
    orders: list[Order] = []
    seen: set[tuple[str, str]] = set()
    for text in order_by:
        kind, key, ascending = parsed("order", text, SearchUtils.parse_order_by_for_search_runs)
        key = SearchUtils.translate_key_alias(key)
        orders.append(Order(_order_field(kind, key), ascending))
        if (kind, key) in seen:
            raise MlflowException(f"`order_by` contains duplicate fields: {order_by}")
        seen.add((kind, key))
    return tuple(orders)


def _order_field(kind: str, key: str) -> Field:
    if SearchUtils.is_attribute(kind, key, "="):
        return Field(ATTRIBUTE, "name" if key == "run_name" else key)
    if SearchUtils.is_metric(kind, "="):
        return Field(_METRIC, key)
    if SearchUtils.is_tag(kind, "="):
        return Field(_TAG, key)
    if SearchUtils.is_param(kind, "="):
        return Field(_PARAM, key)
    raise MlflowException.invalid_parameter_value(
        f"Invalid identifier type '{kind}': runs are ordered by attributes, metrics, params or "
        "tags."
    )


def _attributes(query: Query, on_meta: Mapping[Field, str], summaries: bool) -> tuple[str, ...]:
    """What must be read of a candidate's META item."""
    names = [on.key for on in query.fields if on.kind == ATTRIBUTE and on != _ID]
    names += (*on_meta.values(), TAGGED) if on_meta else ()
    names += INFO_ATTRIBUTES if summaries else ()
    return tuple(dict.fromkeys((*_LISTED, *names)))


def _read(
    experiments: Mapping[str, ExperimentState],
    summaries: bool,
    table: Table,
    found: Sequence[Candidate],
    shown: Callable[[Row], bool],
) -> list[Run]:
    rows = {one.row["PK"]: one.row for one in found}
    ended = {pk: row for pk, row in rows.items() if row["status"] in ENDED} if summaries else None
    return read_runs(table, list(rows), experiments, shown, ended)
