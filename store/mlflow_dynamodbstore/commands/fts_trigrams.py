"""``mlflow-dynamodbstore fts-trigrams``."""

from __future__ import annotations

import json

import click
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import FTS_TRIGRAM_FIELDS, ConfigSource, config_from_items
from dynamodbstore_projections.config_values import FTS_FIELDS, field_fault
from dynamodbstore_projections.fts import NAME_FIELD, built_mark
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
from mlflow_dynamodbstore.config.changes import FIELD_LIST, ListChange, set_list
from mlflow_dynamodbstore.location import Location


@click.group("fts-trigrams")
def fts_trigrams() -> None:
    """Which fields beside names have trigram search, so that LIKE reads a few candidates.

    \b
    Example:
      mlflow-dynamodbstore fts-trigrams show --table mlflow --region eu-central-1
    """


@fts_trigrams.command()
@table_command
def show(location: Location, as_json: bool) -> None:
    """Show the fields, and which of them searches use already.

    \b
    Example:
      mlflow-dynamodbstore fts-trigrams show --table mlflow --region eu-central-1
    """
    with existing(location) as table:
        config = ConfigSource(table).read()
        item = table.get((CONFIG, FTS_TRIGRAM_FIELDS))
    fields = config_from_items([] if item is None else [item]).fts_fields
    built = [name for name in (NAME_FIELD, *FTS_FIELDS) if built_mark(name) in config.built]
    if as_json:
        said = {"table": name_of(location), "fields": list(fields), "built": built}
        click.echo(json.dumps(said))
        return
    grid = Grid("field", "has trigrams", "searches use them", box=None, pad_edge=False)
    for name in (NAME_FIELD, *FTS_FIELDS):
        has = "always" if name == NAME_FIELD else "yes" if name in fields else "no"
        later = "when a replay has built them" if has != "no" else "no"
        grid.add_row(name, has, "yes" if name in built else later)
    Console().print(grid)


@fts_trigrams.command("set")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar=f"[{'|'.join(FTS_FIELDS)}]",
    callback=checked(field_fault),
    shell_complete=lambda ctx, param, begun: [f for f in FTS_FIELDS if f.startswith(begun)],
    help="May be given several times; names always have trigram search.",
)
@click.option("--none", "no_fields", is_flag=True, help="Take every field away.")
@replay_option
@table_command
def set_fields(
    location: Location, fields: tuple[str, ...], no_fields: bool, replay: bool, as_json: bool
) -> None:
    """Let these be the further fields with trigram search, and no others.

    What is taken away goes after half a minute, when no search relies on it any more. A server or
    function whose variable MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS names a field goes on to keep it.

    \b
    Example:
      mlflow-dynamodbstore fts-trigrams set --field description --replay \\
        --table mlflow --region eu-central-1
    """
    if no_fields == bool(fields):
        raise click.UsageError("Give every field there shall be with --field, or --none.")
    with existing(location) as table:
        change = set_list(table, FIELD_LIST, fields, TAKING_AWAY)
    differs = change.before is None or bool(change.added or change.removed)
    said = {"fields": list(change.after), "added": change.added, "removed": change.removed}
    finish(
        location,
        said,
        _lines(change, differs),
        projection="fts",
        outdated=differs,
        replay=replay,
        as_json=as_json,
    )


def _lines(change: ListChange, differs: bool) -> list[str]:
    lines = [f"further fields with trigram search: {listed(change.after)}"]
    if not differs:
        return [*lines, "nothing changed"]
    if change.before is None:
        lines.append("the item was not as it should be, and was written anew")
    if change.added:
        lines.append(
            f"added: {listed(change.added)}; searches use them when a replay has built them"
        )
    if change.removed:
        lines.append(f"taken away: {listed(change.removed)}; a replay removes their postings")
    return lines
