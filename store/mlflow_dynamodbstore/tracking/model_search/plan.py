"""How a search for logged models finds its answer: a value that can be printed and tested."""

from __future__ import annotations

from dataclasses import dataclass

from dynamodbstore_events.keys import metric_sk, param_sk, tag_sk

from mlflow_dynamodbstore.tracking.model_search.filter import Clause, ModelFilter
from mlflow_dynamodbstore.tracking.model_search.order import NEWEST_FIRST, OrderTerm

_EVERY_METRIC = "METRIC#"


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
