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
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.commands.table_options import name_of, opened, table_command
from mlflow_dynamodbstore.location import Location
from mlflow_dynamodbstore.registry.search.model_version_plan import (
    VersionQuery,
    parse_version_query,
    plan_versions,
)
from mlflow_dynamodbstore.registry.search.plan_lines import model_plan_lines, version_plan_lines
from mlflow_dynamodbstore.registry.search.registered_model_plan import (
    ModelQuery,
    parse_model_query,
    plan_models,
)
from mlflow_dynamodbstore.tracking.lifecycle import Experiments
from mlflow_dynamodbstore.tracking.search.experiment_plan import (
    ExperimentQuery,
    parse_experiment_query,
    plan_experiments,
)
from mlflow_dynamodbstore.tracking.search.limits import check_max_results
from mlflow_dynamodbstore.tracking.search.plan import RunQuery, parse_run_query, plan_runs

_RUNS: Final = "runs"
_EXPERIMENTS: Final = "experiments"
_MODELS: Final = "registered-models"
_VERSIONS: Final = "model-versions"
_MOST: Final = {
    _RUNS: SEARCH_MAX_RESULTS_DEFAULT,
    _EXPERIMENTS: SEARCH_MAX_RESULTS_DEFAULT,
    _MODELS: SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
    _VERSIONS: SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
}
_VIEWS: Final = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}
_OF_SOME: Final = {
    "experiment_ids": ("--experiment-id", (_RUNS,)),
    "view": ("--view", (_RUNS, _EXPERIMENTS)),
}

_Query: TypeAlias = RunQuery | ExperimentQuery | ModelQuery | VersionQuery


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
    help="An experiment whose runs are searched; may be given several times.",
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
    help=f"[default: {_MOST[_RUNS]}; for registered models {_MOST[_MODELS]}, "
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

    It is MLflow's search_runs, search_experiments, search_registered_models or
    search_model_versions.

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
            query = parse_experiment_query(
                DEFAULT_WORKSPACE_NAME, _VIEWS[view], limit, text, order_by, None
            )
        else:
            check_max_results(limit)
            query = parse_run_query(experiment_ids, text, _VIEWS[view], limit, order_by, None)
    except MlflowException as error:
        raise click.UsageError(" ".join(error.message.split())) from error
    with opened(location) as table:
        plan = _planned(table, query)
    if as_json:
        said: dict[str, Any] = {"table": name_of(location), "search": search, "plan": plan.lines}
        if search == _RUNS:
            said["missing_experiments"] = plan.missing
        click.echo(json.dumps(said))
        return
    for line in plan.lines:
        click.echo(line)
    if plan.missing:
        click.echo(f"no such experiment: {', '.join(plan.missing)}")


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
    if isinstance(query, ExperimentQuery):
        return _Planned(list(plan_experiments(query, config).lines()), [])
    experiments = Experiments(table).find_many(list(query.experiment_ids))
    plan = plan_runs(query, experiments, config, joins=isinstance(table, JoiningTable))
    return _Planned(list(plan.lines()), [e for e in query.experiment_ids if e not in experiments])


def _refuse_options_of_others(search: str) -> None:
    context = click.get_current_context()
    for name, (option, searches) in _OF_SOME.items():
        if search in searches:
            continue
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            others = " or ".join(searches)
            raise click.UsageError(f"{option} is for a search of {others}, not of {search}.")
