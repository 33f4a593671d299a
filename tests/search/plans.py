"""Plans of searches of runs, made without a table."""

from __future__ import annotations

from collections.abc import Sequence

from dynamodbstore_projections.config import Config
from mlflow.entities import Run, ViewType
from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.runs.search import RUNS
from mlflow_dynamodbstore.search.plan import Plan
from mlflow_dynamodbstore.search.searchable import Context, Request
from mlflow_dynamodbstore.search.sources import Listed
from mlflow_dynamodbstore.search.values import ItemValues, Place

from tests.search.items import experiment

NOTHING_BUILT = Config()


def plan(
    filter_string: str = "",
    order_by: Sequence[str] | None = None,
    *,
    experiments: Sequence[ExperimentState] = (experiment(),),
    view: int = ViewType.ALL,
    ids: Sequence[str] | None = None,
    config: Config = NOTHING_BUILT,
    joins: bool = False,
) -> Plan[Run]:
    """The plan of a page of 100 runs of these experiments."""
    searched = {e.experiment_id: e for e in experiments}
    request = Request(
        filter_string, 100, order_by, experiment_ids=ids or list(searched), view_type=view
    )
    context = Context(lambda: config, joins, lambda wanted: searched)
    return RUNS.plan(request, RUNS.parse(request), context)


def listed(made: Plan[Run]) -> Listed:
    """The listings in which the plan looks for runs."""
    source = made.sources[-1]
    assert isinstance(source, Listed)
    return source


def decided(made: Plan[Run], place: Place) -> list[str]:
    """The clauses that are decided in a place, in words."""
    return [str(step.clause) for step in made.steps if step.place is place]


def filtered(made: Plan[Run]) -> list[str]:
    """The clauses by which the table filters, in words."""
    return [str(step.clause) for step in made.steps if step.condition is not None]


def on_meta(made: Plan[Run]) -> dict[str, str]:
    """By key: the attributes of META items that hold tags."""
    items = made.kinds["tags"]
    assert isinstance(items, ItemValues)
    return {on.key: attribute for on, attribute in items.on_row.items()}
