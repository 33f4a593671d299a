"""``mlflow-dynamodbstore fts-trigrams``."""

from __future__ import annotations

import click
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import FTS_TRIGRAM_FIELDS, ConfigSource, config_from_items
from dynamodbstore_projections.config_values import FTS_FIELDS, NAME_FIELDS, field_fault
from dynamodbstore_projections.fts.projection import NAME_FIELD, built_mark

from mlflow_dynamodbstore.commands.config_lists import ListWords, list_options, set_values
from mlflow_dynamodbstore.commands.config_options import print_found, replay_option
from mlflow_dynamodbstore.commands.table_options import existing, table_command
from mlflow_dynamodbstore.config.changes import FIELD_LIST
from mlflow_dynamodbstore.location import Location

_ALL_FIELDS = (*NAME_FIELDS, *FTS_FIELDS)
_WORDS = ListWords("further fields with trigram search", "their postings", "fts", NAME_FIELDS)


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
    names_built = "yes" if NAME_FIELD in built else "when a replay has built them"
    rows = [(name, "always", names_built) for name in NAME_FIELDS]
    for name in FTS_FIELDS:
        has = "yes" if name in fields else "no"
        if has == "no" and name in built:
            has = "yes, by a variable"
        later = "when a replay has built them" if has != "no" else "no"
        rows.append((name, has, "yes" if name in built else later))
    shown = {"always": list(NAME_FIELDS), "fields": list(fields), "built": built}
    print_found(
        location, shown, ("field", "has trigrams", "searches use them"), rows, as_json=as_json
    )


@fts_trigrams.command("set")
@list_options(
    "--field",
    field_fault,
    metavar=f"[{'|'.join(_ALL_FIELDS)}]",
    shell_complete=lambda ctx, param, begun: [f for f in _ALL_FIELDS if f.startswith(begun)],
    help="May be given several times. Names always have trigram search: to give them changes "
    "nothing.",
)
@replay_option
@table_command
def set_fields(location: Location, values: tuple[str, ...], replay: bool, as_json: bool) -> None:
    """Let these be the further fields with trigram search, and no others.

    What is taken away goes after half a minute, when no search relies on it any more. A server or
    function whose variable MLFLOW_DYNAMODB_FTS_TRIGRAM_FIELDS names a field goes on to keep it.

    \b
    Example:
      mlflow-dynamodbstore fts-trigrams set --field experiment_name --field run_name \\
        --field description --replay --table mlflow --region eu-central-1
    """
    shown = {"always": list(NAME_FIELDS)}
    set_values(location, FIELD_LIST, values, _WORDS, shown, replay=replay, as_json=as_json)
