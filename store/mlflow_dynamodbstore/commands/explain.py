"""``mlflow-dynamodbstore explain``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import click
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.joins import JoiningTable
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT

from mlflow_dynamodbstore.commands.table_options import name_of, opened, table_command
from mlflow_dynamodbstore.location import Location
from mlflow_dynamodbstore.tracking.lifecycle import Experiments
from mlflow_dynamodbstore.tracking.search.limits import check_max_results
from mlflow_dynamodbstore.tracking.search.plan import parse_run_query, plan_runs

_VIEWS: Final = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}


@click.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@click.option("--order-by", multiple=True, help="As in a search; may be given several times.")
@click.option(
    "--experiment-id",
    "experiment_ids",
    multiple=True,
    default=("0",),
    show_default=True,
    help="An experiment to search; may be given several times.",
)
@click.option("--view", type=click.Choice(list(_VIEWS)), default="active", show_default=True)
@click.option("--max-results", type=int, default=SEARCH_MAX_RESULTS_DEFAULT, show_default=True)
@table_command
def explain(
    location: Location,
    filter_string: str,
    order_by: Sequence[str],
    experiment_ids: Sequence[str],
    view: str,
    max_results: int,
    as_json: bool,
) -> None:
    """Print how search_runs would answer: what it reads, what the table filters, in which order.

    \b
    Example:
      mlflow-dynamodbstore explain "tags.mlflow.runName LIKE '%lion%'" \\
        --table mlflow --region eu-central-1
    """
    try:
        check_max_results(max_results, none_is_all=True)
        query = parse_run_query(
            experiment_ids, filter_string or None, _VIEWS[view], max_results, order_by, None
        )
    except MlflowException as error:
        raise click.UsageError(" ".join(error.message.split())) from error
    with opened(location) as table:
        experiments = Experiments(table).find_many(list(query.experiment_ids))
        config = ConfigSource(table).read()
        joins = isinstance(table, JoiningTable)
    lines = list(plan_runs(query, experiments, config, joins=joins).lines())
    missing = [e for e in query.experiment_ids if e not in experiments]
    if as_json:
        said = {"table": name_of(location), "plan": lines, "missing_experiments": missing}
        click.echo(json.dumps(said))
        return
    for line in lines:
        click.echo(line)
    if missing:
        click.echo(f"no such experiment: {', '.join(missing)}")
