"""Token usage and cost of a trace: what its spans add up to, and what ``start_trace`` gave.

MLflow sums over the tree: a span counts unless one above it has data of its own. A value that
``start_trace`` gave counts before the sum, key by key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlflow.tracing.utils import (
    SpanAggregationNode,
    aggregate_cost_from_span_nodes,
    aggregate_usage_from_span_nodes,
)

from mlflow_dynamodbstore.traces.spans import Digest

Sums = dict[str, Any]


def has_data(spans: Iterable[Digest]) -> bool:
    """Whether any of the spans has token usage or a cost."""
    return any(span.usage is not None or span.cost is not None for span in spans)


def usage_of(spans: Iterable[Digest]) -> Sums:
    """The tokens of a trace by MLflow's keys; empty where no span has any.

    Raises ``TypeError`` for a count that is no number, as MLflow does.
    """
    nodes = [SpanAggregationNode(s.span_id, s.parent_id, _dict(s.usage)) for s in spans]
    return _known(aggregate_usage_from_span_nodes(nodes), usage_keys(), _count())


def cost_of(spans: Iterable[Digest]) -> Sums:
    """The cost (USD) of a trace by MLflow's keys; empty where no span has any."""
    nodes = [SpanAggregationNode(s.span_id, s.parent_id, _dict(s.cost)) for s in spans]
    return _known(aggregate_cost_from_span_nodes(nodes), cost_keys(), _finite())


def given_usage(metadata_value: Any) -> Sums:
    """The tokens in the JSON that ``start_trace`` brings."""
    return _known(_object(metadata_value), usage_keys(), _count())


def given_cost(metadata_value: Any) -> Sums:
    """The cost in the JSON that ``start_trace`` brings."""
    return _known(_object(metadata_value), cost_keys(), _finite())


def as_usage(sums: Mapping[str, Any]) -> str | None:
    """Tokens as canonical JSON, the keys in MLflow's order; None for none."""
    return _json(sums, usage_keys())


def as_cost(sums: Mapping[str, Any]) -> str | None:
    """A cost as canonical JSON, the keys in MLflow's order; None for none."""
    return _json(sums, cost_keys())


def _dict(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if found is None else dict(found)


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _known(
    values: Mapping[str, Any] | None, keys: Iterable[str], convert: Callable[[Any], Any]
) -> Sums:
    converted = {key: convert(values[key]) for key in keys if key in values} if values else {}
    return {key: value for key, value in converted.items() if value is not None}


def _json(sums: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    ordered = {key: sums[key] for key in keys if key in sums}
    return json.dumps(ordered) if ordered else None


# MLflow keeps these beside its SQL models: they are imported by the first trace that needs them.


def usage_keys() -> tuple[str, ...]:
    """MLflow's keys of token counts, in the order in which they are shown."""
    from mlflow.store.tracking.utils.trace_analytics import TOKEN_COLUMN_BY_KEY

    return tuple(TOKEN_COLUMN_BY_KEY)


def cost_keys() -> tuple[str, ...]:
    """MLflow's keys of costs, in the order in which they are shown."""
    from mlflow.store.tracking.utils.trace_analytics import COST_COLUMN_BY_KEY

    return tuple(COST_COLUMN_BY_KEY)


def _count() -> Callable[[Any], int | None]:
    from mlflow.store.tracking.utils.trace_analytics import token_count_or_none

    return token_count_or_none


def _finite() -> Callable[[Any], float | None]:
    from mlflow.store.tracking.utils.trace_analytics import finite_float_or_none

    return finite_float_or_none
