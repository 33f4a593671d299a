"""``mlflow-dynamodbstore explain``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import click
from click.core import ParameterSource
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.joins import JoiningTable
from dynamodbstore_table.port import Table
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
)
from mlflow.store.tracking import (
    SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT,
    SEARCH_MAX_RESULTS_DEFAULT,
)
from mlflow.utils.validation import _parse_experiment_ids
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.commands.table_options import existing, name_of, table_command
from mlflow_dynamodbstore.core.lookup import ExperimentLookup
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.experiments.search import EXPERIMENTS
from mlflow_dynamodbstore.location import Location
from mlflow_dynamodbstore.logged_models.search import LOGGED_MODELS
from mlflow_dynamodbstore.registered_models.search.model_version_plan import (
    VersionQuery,
    parse_version_query,
    plan_versions,
)
from mlflow_dynamodbstore.registered_models.search.plan_lines import (
    model_plan_lines,
    version_plan_lines,
)
from mlflow_dynamodbstore.registered_models.search.registered_model_plan import (
    ModelQuery,
    parse_model_query,
    plan_models,
)
from mlflow_dynamodbstore.runs.search import RUNS
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable

_RUNS: Final = "runs"
_EXPERIMENTS: Final = "experiments"
_LOGGED: Final = "logged-models"
_MODELS: Final = "registered-models"
_VERSIONS: Final = "model-versions"
_MOST: Final = {
    _RUNS: SEARCH_MAX_RESULTS_DEFAULT,
    _EXPERIMENTS: SEARCH_MAX_RESULTS_DEFAULT,
    _LOGGED: SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT,
    _MODELS: SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
    _VERSIONS: SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
}
_VIEWS: Final = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}
_OF_SOME: Final = {
    "experiment_ids": ("--experiment-id", (_RUNS, _LOGGED)),
    "view": ("--view", (_RUNS, _EXPERIMENTS)),
}


_Searched: TypeAlias = tuple[Searchable[Any], Request]
_Query: TypeAlias = _Searched | ModelQuery | VersionQuery


@click.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@click.option(
    "--search",
    type=click.Choice(list(_MOST)),
    default=_RUNS,
    show_default=True,
    help="What is searched.",
)
@click.option("--order-by", multiple=True, help="As in a search; may be given several times.")
@click.option(
    "--experiment-id",
    "experiment_ids",
    multiple=True,
    default=("0",),
    show_default=True,
    help="An experiment whose runs or logged models are searched; may be given several times.",
)
@click.option(
    "--view",
    type=click.Choice(list(_VIEWS)),
    default="active",
    show_default=True,
    help="Which runs or experiments are searched.",
)
@click.option(
    "--max-results",
    type=int,
    help=f"[default: {_MOST[_RUNS]}; for logged and registered models {_MOST[_MODELS]}, "
    f"for versions {_MOST[_VERSIONS]}]",
)
@table_command
def explain(
    location: Location,
    filter_string: str,
    search: str,
    order_by: Sequence[str],
    experiment_ids: Sequence[str],
    view: str,
    max_results: int | None,
    as_json: bool,
) -> None:
    """Print how a search would be answered: what it reads, what the table filters, in which order.

    It is MLflow's search_runs, search_experiments, search_logged_models,
    search_registered_models or search_model_versions.

    \b
    Example:
      mlflow-dynamodbstore explain "tags.mlflow.runName LIKE '%lion%'" \\
        --table mlflow --region eu-central-1
    """
    _refuse_options_of_others(search)
    limit = _MOST[search] if max_results is None else max_results
    text = filter_string or None
    query: _Query
    try:
        if search == _MODELS:
            query = parse_model_query(DEFAULT_WORKSPACE_NAME, text, limit, order_by, None)
        elif search == _VERSIONS:
            query = parse_version_query(DEFAULT_WORKSPACE_NAME, text, limit, order_by, None)
        elif search == _EXPERIMENTS:
            query = EXPERIMENTS, Request(text, limit, order_by, view_type=_VIEWS[view])
            EXPERIMENTS.parse(query[1])
        elif search == _LOGGED:
            fields = LOGGED_MODELS.order_by(order_by)
            query = LOGGED_MODELS, Request(text, limit, fields, experiment_ids=experiment_ids)
            LOGGED_MODELS.parse(query[1])
        else:
            query = (
                RUNS,
                Request(
                    text, limit, order_by, experiment_ids=experiment_ids, view_type=_VIEWS[view]
                ),
            )
            RUNS.parse(query[1])
    except MlflowException as error:
        raise click.UsageError(" ".join(error.message.split())) from error
    with existing(location) as table:
        planned = _planned(table, query)
    if as_json:
        said: dict[str, Any] = {"table": name_of(location), "search": search}
        said["plan"] = planned.lines
        if search in (_RUNS, _LOGGED):
            said["missing_experiments"] = planned.missing
        click.echo(json.dumps(said))
        return
    for line in planned.lines:
        click.echo(line)
    if planned.missing:
        click.echo(f"no such experiment: {', '.join(planned.missing)}")


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan in words, and the experiments of the query that are not there."""

    lines: list[str]
    missing: list[str]


def _planned(table: Table, query: _Query) -> _Planned:
    config = ConfigSource(table).read()
    if isinstance(query, ModelQuery):
        return _Planned(list(model_plan_lines(plan_models(query, lambda: config))), [])
    if isinstance(query, VersionQuery):
        return _Planned(list(version_plan_lines(plan_versions(query, lambda: config))), [])
    joins = isinstance(table, JoiningTable)
    searchable, request = query
    experiments = ExperimentLookup(table, Scope())
    context = Context(lambda: config, joins, experiments.find_many)
    plan = searchable.plan(request, searchable.parse(request), context)
    wanted = dict.fromkeys(map(str, _parse_experiment_ids(list(request.experiment_ids))))
    found = experiments.find_many(list(wanted))
    return _Planned(list(plan.lines()), [e for e in wanted if e not in found])


def _refuse_options_of_others(search: str) -> None:
    context = click.get_current_context()
    for name, (option, searches) in _OF_SOME.items():
        if search in searches:
            continue
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            others = " or ".join(searches)
            raise click.UsageError(f"{option} is for a search of {others}, not of {search}.")
