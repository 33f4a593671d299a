"""How a search for logged models finds its answer: a value that can be printed and tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dynamodbstore_events.keys import metric_sk, models_listing, param_sk, tag_sk
from dynamodbstore_table.conditions import Not, equals

from mlflow_dynamodbstore.core.lifecycle import DELETED
from mlflow_dynamodbstore.logged_models.search.filter import Clause, ModelFilter
from mlflow_dynamodbstore.logged_models.search.order import NEWEST_FIRST, OrderTerm
from mlflow_dynamodbstore.search.joins import having_texts
from mlflow_dynamodbstore.search.listings import Listing, TimeOrder

_EVERY_METRIC = "METRIC#"
_IN_USE = Not(equals("stage", DELETED))


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """The listings to read, newest first, and what else each candidate needs.

    ``listed`` says that the order is the listings' own, so that reading stops with the page.
    ``texts`` are the sort keys of the tags and params that the filter reads, each with what it
    asks of the text; ``filter_metrics`` and ``order_metrics`` the prefixes of the sort keys of
    metrics.
    """

    experiment_ids: tuple[str, ...]
    filter: ModelFilter
    order: tuple[OrderTerm, ...]
    listed: bool
    texts: tuple[Clause, ...]
    filter_metrics: tuple[str, ...]
    order_metrics: tuple[str, ...]

    def listings(self, *, joins: bool) -> list[Listing]:
        """What is listed, joined with the texts that the filter reads where the table can."""
        having = having_texts(self.texts) if joins else ()
        return [Listing(models_listing(e), _IN_USE, having) for e in self.experiment_ids]

    def lines(self, limit: int, *, joins: bool) -> Iterator[str]:
        """The plan in words, a line a step."""
        if limit < 0:
            yield f"nothing is read: {limit} models are asked for"
            return
        listings = self.listings(joins=joins)
        yield f"candidates: {len(listings)} listing(s) of logged models, read {TimeOrder()}"
        for listing in listings:
            yield f"  {listing.pk} where {listing.filter}"
        if self.filter.attributes:
            yield f"from META items: {_names([name for name, _ in self.filter.attributes])}"
        joined = [one.sk for listing in listings[:1] for one in listing.having]
        if joined:
            yield f"from items {_names(joined)}, joined to the listing"
        read = [sk for sk, _ in self.texts if sk not in joined]
        read += [f"{prefix}…" for prefix in self.filter_metrics]
        if read:
            yield f"from items {_names(read)}, read of each candidate"
        if self.listed:
            yield f"order: the listing's, {TimeOrder()}; reading stops when the page is full"
        else:
            yield f"order: {_names(self.order)}; every candidate is collected, then sorted"
            if self.order_metrics:
                metrics = [f"{prefix}…" for prefix in self.order_metrics]
                yield f"  by items {_names(metrics)}, read of each that passes"
        yield f"page: {limit} models; each model is then read whole"


def plan_search(
    experiment_ids: tuple[str, ...], model_filter: ModelFilter, order: tuple[OrderTerm, ...]
) -> ModelPlan:
    """The plan of a search."""
    texts = [(tag_sk(key), test) for key, test in model_filter.tags]
    texts += [(param_sk(key), test) for key, test in model_filter.params]
    filtered = [f"{metric_sk(key)}#" for key, _ in model_filter.metrics]
    if model_filter.datasets and not filtered:
        filtered = [_EVERY_METRIC]
    sorted_by = [f"{metric_sk(term.metric)}#" for term in order if term.metric is not None]
    return ModelPlan(
        experiment_ids=experiment_ids,
        filter=model_filter,
        order=order,
        listed=order == NEWEST_FIRST,
        texts=tuple(texts),
        filter_metrics=tuple(dict.fromkeys(filtered)),
        order_metrics=tuple(p for p in dict.fromkeys(sorted_by) if p not in filtered),
    )


def _names(values: Sequence[object]) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))
