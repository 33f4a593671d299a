"""``mlflow-dynamodbstore explain``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import click
from click.core import ParameterSource
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.joins import JoiningTable
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _parse_experiment_ids

from mlflow_dynamodbstore.commands.table_options import existing, name_of, table_command
from mlflow_dynamodbstore.core.lookup import ExperimentLookup
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.location import Location
from mlflow_dynamodbstore.search.searchable import Context, Request, Searchable
from mlflow_dynamodbstore.stores.searchables import SEARCHABLES

_BY_NAME: Final[dict[str, Searchable[Any]]] = {one.name: one for one in SEARCHABLES}
_RUNS: Final = SEARCHABLES[0].name
_VIEWS: Final = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}
_OF_SOME: Final = {"experiment_ids": "--experiment-id", "view_type": "--view"}
_RESULTS: Final = ", ".join(f"{one.name} {one.results}" for one in SEARCHABLES)


@click.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@click.option(
    "--search",
    type=click.Choice(list(_BY_NAME)),
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
    help="An experiment whose runs, logged models or traces are searched; may be given several "
    "times.",
)
@click.option(
    "--view",
    "view_type",
    type=click.Choice(list(_VIEWS)),
    default="active",
    show_default=True,
    help="Which runs or experiments are searched.",
)
@click.option("--max-results", type=int, help=f"How many a page has. [default: {_RESULTS}]")
@table_command
def explain(
    location: Location,
    filter_string: str,
    search: str,
    order_by: Sequence[str],
    experiment_ids: Sequence[str],
    view_type: str,
    max_results: int | None,
    as_json: bool,
) -> None:
    """Print how a search would be answered: what it reads, what the table filters, in which order.

    It is MLflow's search_runs, search_experiments, search_logged_models,
    search_registered_models, search_model_versions, search_traces or list_webhooks (of which the
    filter is an event).

    \b
    Example:
      mlflow-dynamodbstore explain "tags.mlflow.runName LIKE '%lion%'" \\
        --table mlflow --region eu-central-1
    """
    searchable = _BY_NAME[search]
    _refuse_options_of_others(searchable)
    in_experiments = "experiment_ids" in searchable.options
    try:
        wanted = list(map(str, _parse_experiment_ids(list(experiment_ids))))
        request = Request(
            filter_string or None,
            searchable.results if max_results is None else max_results,
            searchable.order_by(order_by),
            experiment_ids=wanted if in_experiments else (),
            view_type=_VIEWS[view_type],
        )
        query = searchable.parse(request)
    except MlflowException as error:
        raise click.UsageError(" ".join(error.message.split())) from error
    with existing(location) as table:
        config = ConfigSource(table).read()
        experiments = ExperimentLookup(table, Scope())
        context = Context(lambda: config, isinstance(table, JoiningTable), experiments.find_many)
        lines = list(searchable.plan(request, query, context).lines())
        found = experiments.find_many(wanted) if in_experiments else {}
    missing = [e for e in dict.fromkeys(wanted) if e not in found] if in_experiments else []
    if as_json:
        printed: dict[str, Any] = {"table": name_of(location), "search": search, "plan": lines}
        if in_experiments:
            printed["missing_experiments"] = missing
        click.echo(json.dumps(printed))
        return
    for line in lines:
        click.echo(line)
    if missing:
        click.echo(f"no such experiment: {', '.join(missing)}")


def _refuse_options_of_others(searchable: Searchable[Any]) -> None:
    context = click.get_current_context()
    for name, option in _OF_SOME.items():
        given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in searchable.options:
            others = " or ".join(one.name for one in SEARCHABLES if name in one.options)
            raise click.UsageError(
                f"{option} is for a search of {others}, not of {searchable.name}."
            )
