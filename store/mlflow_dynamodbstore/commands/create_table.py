"""``mlflow-dynamodbstore create-table``."""

from __future__ import annotations

import json

import click

from mlflow_dynamodbstore.commands.table_options import name_of, opened, table_command
from mlflow_dynamodbstore.location import Location
from mlflow_dynamodbstore.new_table import mark_if_new


@click.command("create-table")
@table_command
def create_table(location: Location, as_json: bool) -> None:
    """Create the table if it is missing; check that it fits if it is there.

    \b
    Example:
      mlflow-dynamodbstore create-table --table mlflow --region eu-central-1
    """
    with opened(location) as table:
        created = not table.exists()
        table.create()
        if created:
            mark_if_new(table)
        found = table.facts()
    if as_json:
        click.echo(
            json.dumps({"table": name_of(location), "created": created, "lacks": found.lacks})
        )
    else:
        click.echo(f"{name_of(location)}: {'created' if created else 'already there'}")
        for lack in found.lacks:
            click.echo(f"  {lack}")
