"""Search for logged models: candidates from the listings, whole models for the page only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from dynamodbstore_events.keys import Key, parse_newest_first
from dynamodbstore_table.joins import JoiningTable
from dynamodbstore_table.port import Item, Table, begins_with
from dynamodbstore_table.text_items import is_part, text_of
from mlflow.entities import LoggedModel, Metric
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList
from mlflow.store.tracking import SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
from mlflow.utils.validation import _parse_experiment_ids

from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.logged_models.logged_model_items import (
    logged_model,
    model_items,
    model_metric,
)
from mlflow_dynamodbstore.logged_models.search.filter import ModelFilter, parse_filter
from mlflow_dynamodbstore.logged_models.search.order import ordered, parse_order
from mlflow_dynamodbstore.logged_models.search.plan import ModelPlan, plan_search
from mlflow_dynamodbstore.logged_models.search.tokens import ModelQuery, decode, encode
from mlflow_dynamodbstore.search.listings import (
    TimeOrder,
    TimeRange,
    entries,
)
from mlflow_dynamodbstore.search.order import Cursor
from mlflow_dynamodbstore.search.tokens import PageStart

_SMALLEST_CHUNK = 100
_LARGEST_CHUNK = 1000
_FILTERED_PAGE = 300
_LISTED = (
    *("PK", "SK", "gsi1sk", "experiment_id", "name", "artifact_location", "created", "updated"),
    *("status", "stage", "model_type", "source_run_id", "status_message"),
)


class SearchLoggedModels:
    """Search for logged models of some experiments, in any stage of theirs."""

    def __init__(self, table: Table, lookup: Lookup) -> None:
        self._table = table
        self._experiments = lookup.experiments

    def search_logged_models(
        self,
        experiment_ids: list[str],
        filter_string: str | None = None,
        datasets: list[dict[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: list[dict[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """A page of the models that pass the filter, newest first unless ``order_by`` says else.

        ``max_results`` None or 0 means 100. Raises ``INVALID_PARAMETER_VALUE`` for a filter, an
        order or a token that MLflow refuses, before anything is read.
        """
        _check_datasets(datasets)
        query = ModelQuery(experiment_ids, filter_string, order_by, datasets)
        start = decode(query, page_token)
        size = _page_size(max_results)
        wanted = self._experiments.owned(map(str, _parse_experiment_ids(experiment_ids)))
        model_filter = parse_filter(filter_string, datasets)
        plan = plan_search(tuple(wanted), model_filter, parse_order(order_by))
        if size < 0:
            return PagedList([], token=None)
        if plan.listed:
            found = self._newest_models(plan, start, size + 1)
        else:
            found = self._sorted_models(plan)[start.offset : start.offset + size + 1]
        token = None
        if len(found) > size:
            last = parse_newest_first(found[size - 1]["gsi1sk"]) if plan.listed else None
            token = encode(query, PageStart(start.offset + size, last))
        return PagedList(self._whole_models(plan.filter, found[:size]), token=token)

    def _newest_models(self, plan: ModelPlan, start: PageStart, count: int) -> list[Item]:
        """The META items of the first ``count`` models of the page, in the listings' order."""
        skip = start.offset if start.cursor is None else 0
        size = page_size = min(count + skip, _LARGEST_CHUNK)
        if plan.filter.asks:
            # How many pass is not known: begin small, then take more at a time.
            size, page_size = max(size, _SMALLEST_CHUNK), _FILTERED_PAGE
        listing = self._listing(plan, start.cursor, page_size)
        found: list[Item] = []
        while len(found) < skip + count and (chunk := list(islice(listing, size))):
            found += [meta for meta, _ in self._passing(plan, chunk)]
            size = min(2 * size, _LARGEST_CHUNK)
        return found[skip : skip + count]

    def _sorted_models(self, plan: ModelPlan) -> list[Item]:
        """The META items of every model that passes, in the plan's order."""
        passing: list[tuple[Item, list[Metric]]] = []
        listing = self._listing(plan, None, _LARGEST_CHUNK)
        while chunk := list(islice(listing, _LARGEST_CHUNK)):
            passing += self._passing(plan, chunk)
        for prefix in plan.order_metrics:
            self._add_metrics(passing, prefix)
        return ordered([(meta, meta, metrics) for meta, metrics in passing], plan.order)

    def _listing(self, plan: ModelPlan, after: Cursor | None, page_size: int) -> Iterator[Item]:
        return entries(
            self._table,
            plan.listings(joins=isinstance(self._table, JoiningTable)),
            TimeOrder(),
            TimeRange(),
            after,
            page_size=page_size,
            attributes=_LISTED,
        )

    def _passing(self, plan: ModelPlan, metas: Sequence[Item]) -> list[tuple[Item, list[Metric]]]:
        """Those of the listed models that pass the filter, with the metrics that it read."""
        passing = [meta for meta in metas if plan.filter.meta_passes(meta)]
        if plan.texts and passing:
            passing = self._with_texts(plan, passing)
        rows: list[tuple[Item, list[Metric]]] = [(meta, []) for meta in passing]
        if plan.filter_metrics:
            for prefix in plan.filter_metrics:
                self._add_metrics(rows, prefix)
            rows = [row for row in rows if plan.filter.metrics_pass(row[1])]
        return rows

    def _with_texts(self, plan: ModelPlan, metas: Sequence[Item]) -> list[Item]:
        sks = dict.fromkeys(sk for sk, _ in plan.texts)
        joined = {(meta["PK"], sk): meta[sk] for meta in metas for sk in sks if sk in meta}
        missing = [(meta["PK"], sk) for meta in metas for sk in sks if sk not in meta]
        found = joined | self._table.batch_get(missing)
        long = [item for item in found.values() if "generation" in item]
        if long:
            found |= self._table.batch_get(
                (item["PK"], f"{item['SK']}#+{item['generation']}#{n:04d}")
                for item in long
                for n in range(item["parts"])
            )
        parts = {key: item["z"] for key, item in found.items() if is_part(key[1])}
        return [meta for meta in metas if _texts_pass(plan, meta["PK"], found, parts)]

    def _add_metrics(self, rows: Sequence[tuple[Item, list[Metric]]], prefix: str) -> None:
        found = self._table.partitions([meta["PK"] for meta, _ in rows], sk=begins_with(prefix))
        for meta, metrics in rows:
            metrics += [model_metric(item) for item in found[meta["PK"]]]

    def _whole_models(self, model_filter: ModelFilter, metas: Sequence[Item]) -> list[LoggedModel]:
        """The models of a page, read afresh: one that has just changed is shown as it is now."""
        partitions = self._table.partitions([meta["PK"] for meta in metas])
        models = [model_items(partitions[meta["PK"]]) for meta in metas]
        return [logged_model(m) for m in models if m is not None and model_filter.passes(m)]


def _texts_pass(
    plan: ModelPlan, pk: str, found: Mapping[Key, Item], parts: Mapping[Key, bytes]
) -> bool:
    for sk, test in plan.texts:
        item = found.get((pk, sk))
        if item is None:
            return False
        if "v" in item:
            text = item["v"]
        else:
            text = text_of(item, {part: data for (of, part), data in parts.items() if of == pk})
        if not test(text):
            return False
    return True


def _check_datasets(datasets: Sequence[Mapping[str, Any]] | None) -> None:
    if datasets and not all(isinstance(d, Mapping) and d.get("dataset_name") for d in datasets):
        raise MlflowException.invalid_parameter_value(
            "`dataset_name` in the `datasets` clause must be specified."
        )


def _page_size(max_results: int | None) -> int:
    if not max_results:
        return SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
    if not isinstance(max_results, int) or max_results >= 2**63 - 1:
        raise MlflowException.invalid_parameter_value(
            f"Invalid value {max_results!r} for parameter 'max_results' supplied. It must be a "
            "whole number."
        )
    return max_results
