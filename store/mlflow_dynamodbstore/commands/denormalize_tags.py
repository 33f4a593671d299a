"""``mlflow-dynamodbstore denormalize-tags``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
from dynamodbstore_events.keys import META, experiment_pk
from dynamodbstore_projections.config import Config, ConfigSource
from dynamodbstore_projections.config_values import ALWAYS_DENORMALIZED, pattern_fault
from dynamodbstore_projections.tags.projection import built_mark
from dynamodbstore_table.port import Table
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from mlflow_dynamodbstore.commands.config_lists import ListWords, list_options, set_values
from mlflow_dynamodbstore.commands.config_options import print_found, replay_option
from mlflow_dynamodbstore.commands.table_options import existing, table_command
from mlflow_dynamodbstore.config.changes import pattern_list
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
    said: dict[str, Any] = {
        "patterns": list(config.patterns),
        "built": _built(config, config.patterns),
        "experiments": {
            one: {"patterns": list(patterns), "built": _built(config, patterns, one)}
            for one, patterns in own.items()
        },
    }
    if experiment_id is not None:
        said["effective"] = list(dict.fromkeys(config.patterns_of(experiment_id)))
    heads = ("pattern", "of", "searches use it")
    print_found(location, said, heads, _rows(config, own), as_json=as_json)


@denormalize_tags.command("set")
@list_options(
    "--pattern",
    pattern_fault,
    help="A tag's key, in which * stands for any text; may be given several times.",
)
@_experiment_option
@replay_option
@table_command
def set_patterns(
    location: Location,
    values: tuple[str, ...],
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
    of = "all experiments"
    if experiment_id is not None:
        of = f"experiment {experiment_id} itself"
        with existing(location) as table:
            _require_experiment(table, experiment_id)
        # It is among those of all experiments.
        values = tuple(value for value in values if value != ALWAYS_DENORMALIZED)
    set_values(
        location,
        pattern_list(experiment_id),
        values,
        ListWords(f"patterns of {of}", "the copies", "tags"),
        {"experiment_id": experiment_id},
        replay=replay,
        as_json=as_json,
    )


def _rows(config: Config, own: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str, str]]:
    for pattern in config.patterns:
        yield pattern, "all experiments", _use(config, pattern)
    for one, patterns in sorted(own.items()):
        for pattern in patterns:
            yield pattern, f"experiment {one}", _use(config, pattern, one)


def _built(config: Config, patterns: Iterable[str], experiment_id: str | None = None) -> list[str]:
    return [p for p in patterns if built_mark(p, experiment_id) in config.built]


def _use(config: Config, pattern: str, experiment_id: str | None = None) -> str:
    built = built_mark(pattern, experiment_id) in config.built
    return "yes" if built else "when a replay has built it"


def _require_experiment(table: Table, experiment_id: str) -> None:
    if not experiment_id.isdigit() or table.get((experiment_pk(experiment_id), META)) is None:
        raise MlflowException(
            f"There is no experiment with the id {experiment_id!r}. 'mlflow experiments search' "
            "lists those that there are.",
            RESOURCE_DOES_NOT_EXIST,
        )
