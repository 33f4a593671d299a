"""``mlflow-dynamodbstore denormalize-tags``."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click
from dynamodbstore_events.keys import META, experiment_pk
from dynamodbstore_projections.config import Config, ConfigSource
from dynamodbstore_projections.config_values import ALWAYS_DENORMALIZED, pattern_fault
from dynamodbstore_projections.tags import built_mark
from dynamodbstore_table.port import Table
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from rich.console import Console
from rich.table import Table as Grid

from mlflow_dynamodbstore.commands.config_options import (
    TAKING_AWAY,
    checked,
    existing,
    finish,
    listed,
    replay_option,
)
from mlflow_dynamodbstore.commands.table_options import name_of, table_command
from mlflow_dynamodbstore.config.changes import ListChange, pattern_list, set_list
from mlflow_dynamodbstore.location import Location

_experiment_option = click.option(
    "--experiment-id", help="The patterns of this experiment's own, which add to those of all."
)


@click.group("denormalize-tags")
def denormalize_tags() -> None:
    """Which tags are copied onto META items, so that the table itself filters by them.

    \b
    Example:
      mlflow-dynamodbstore denormalize-tags show --table mlflow --region eu-central-1
    """


@denormalize_tags.command()
@_experiment_option
@table_command
def show(location: Location, experiment_id: str | None, as_json: bool) -> None:
    """Show the patterns, and which of them searches use already.

    \b
    Example:
      mlflow-dynamodbstore denormalize-tags show --table mlflow --region eu-central-1
    """
    with existing(location) as table:
        if experiment_id is not None:
            _require_experiment(table, experiment_id)
        config = ConfigSource(table).read()
    own = config.experiment_patterns
    if experiment_id is not None:
        own = {experiment_id: own.get(experiment_id, ())}
    if as_json:
        said = {
            "table": name_of(location),
            "patterns": list(config.patterns),
            "built": _built(config, config.patterns),
            "experiments": {
                one: {"patterns": list(patterns), "built": _built(config, patterns, one)}
                for one, patterns in own.items()
            },
        }
        if experiment_id is not None:
            said["effective"] = list(dict.fromkeys(config.patterns_of(experiment_id)))
        click.echo(json.dumps(said))
        return
    grid = Grid("pattern", "of", "searches use it", box=None, pad_edge=False)
    for pattern in config.patterns:
        grid.add_row(pattern, "all experiments", _use(config, pattern))
    for one, patterns in sorted(own.items()):
        for pattern in patterns:
            grid.add_row(pattern, f"experiment {one}", _use(config, pattern, one))
    Console().print(grid)


@denormalize_tags.command("set")
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    callback=checked(pattern_fault),
    help="A tag's key, in which * stands for any text; may be given several times.",
)
@click.option("--none", "no_patterns", is_flag=True, help="Take every pattern away.")
@_experiment_option
@replay_option
@table_command
def set_patterns(
    location: Location,
    patterns: tuple[str, ...],
    no_patterns: bool,
    experiment_id: str | None,
    replay: bool,
    as_json: bool,
) -> None:
    """Let these be the patterns, and no others; mlflow.* is always among those of all experiments.

    What is taken away goes after half a minute, when no search relies on it any more. A server
    whose variable MLFLOW_DYNAMODB_DENORMALIZE_TAGS names a pattern adds it again when it starts.

    \b
    Example:
      mlflow-dynamodbstore denormalize-tags set --pattern team --pattern 'env*' \\
        --table mlflow --region eu-central-1
    """
    if no_patterns == bool(patterns):
        raise click.UsageError("Give every pattern there shall be with --pattern, or --none.")
    with existing(location) as table:
        if experiment_id is not None:
            _require_experiment(table, experiment_id)
            # It is among those of all experiments.
            patterns = tuple(p for p in patterns if p != ALWAYS_DENORMALIZED)
        change = set_list(table, pattern_list(experiment_id), patterns, TAKING_AWAY)
    differs = change.before is None or bool(change.added or change.removed)
    said = {
        "experiment_id": experiment_id,
        "patterns": list(change.after),
        "added": change.added,
        "removed": change.removed,
    }
    finish(
        location,
        said,
        _lines(change, experiment_id, differs),
        projection="tags",
        outdated=differs,
        replay=replay,
        as_json=as_json,
    )


def _lines(change: ListChange, experiment_id: str | None, differs: bool) -> list[str]:
    of = "all experiments" if experiment_id is None else f"experiment {experiment_id} itself"
    lines = [f"patterns of {of}: {listed(change.after)}"]
    if not differs:
        return [*lines, "nothing changed"]
    if change.before is None:
        lines.append("the item was not as it should be, and was written anew")
    if change.added:
        lines.append(
            f"added: {listed(change.added)}; searches use them when a replay has built them"
        )
    if change.removed:
        lines.append(f"taken away: {listed(change.removed)}; a replay removes the copies")
    return lines


def _built(config: Config, patterns: Iterable[str], experiment_id: str | None = None) -> list[str]:
    return [p for p in patterns if built_mark(p, experiment_id) in config.built]


def _use(config: Config, pattern: str, experiment_id: str | None = None) -> str:
    built = built_mark(pattern, experiment_id) in config.built
    return "yes" if built else "when a replay has built it"


def _require_experiment(table: Table, experiment_id: str) -> None:
    if not experiment_id.isdigit() or table.get((experiment_pk(experiment_id), META)) is None:
        raise MlflowException(
            f"There is no experiment with the id {experiment_id!r}.", RESOURCE_DOES_NOT_EXIST
        )
