"""``mlflow-dynamodbstore fts-trigrams``."""

from __future__ import annotations

import click
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import FTS_TRIGRAM_FIELDS, ConfigSource, config_from_items
from dynamodbstore_projections.config_values import FTS_FIELDS, field_fault
from dynamodbstore_projections.fts.projection import NAME_FIELD, built_mark

from mlflow_dynamodbstore.commands.config_lists import ListWords, list_options, set_values
from mlflow_dynamodbstore.commands.config_options import existing, print_found, replay_option
from mlflow_dynamodbstore.commands.table_options import table_command
from mlflow_dynamodbstore.config.changes import FIELD_LIST
from mlflow_dynamodbstore.location import Location

_WORDS = ListWords("further fields with trigram search", "their postings", "fts")


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
    rows = []
    for name in (NAME_FIELD, *FTS_FIELDS):
        has = "always" if name == NAME_FIELD else "yes" if name in fields else "no"
        if has == "no" and name in built:
            has = "yes, by a variable"
        later = "when a replay has built them" if has != "no" else "no"
        rows.append((name, has, "yes" if name in built else later))
    said = {"fields": list(fields), "built": built}
    print_found(
        location, said, ("field", "has trigrams", "searches use them"), rows, as_json=as_json
    )


@fts_trigrams.command("set")
@list_options(
    "--field",
    field_fault,
    metavar=f"[{'|'.join(FTS_FIELDS)}]",
    shell_complete=lambda ctx, param, begun: [f for f in FTS_FIELDS if f.startswith(begun)],
    help="May be given several times; names always have trigram search.",
)
@replay_option
@table_command
def set_fields(location: Location, values: tuple[str, ...], replay: bool, as_json: bool) -> None:
    """Let these be the further fields with trigram search, and no others.

    What is taken away goes after half a minute, when no search relies on it any more. A server or
    function whose variable MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS names a field goes on to keep it.

    \b
    Example:
      mlflow-dynamodbstore fts-trigrams set --field description --replay \\
        --table mlflow --region eu-central-1
    """
    set_values(location, FIELD_LIST, values, _WORDS, {}, replay=replay, as_json=as_json)
