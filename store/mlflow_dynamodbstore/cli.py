"""The command ``mlflow-dynamodbstore``."""

from __future__ import annotations

import click

from mlflow_dynamodbstore.commands.create_table import create_table
from mlflow_dynamodbstore.commands.explain import explain
from mlflow_dynamodbstore.commands.replay import replay
from mlflow_dynamodbstore.commands.status import status
from mlflow_dynamodbstore.commands.table_options import resolve_location

__all__ = ["main", "resolve_location"]


@click.group()
@click.version_option(package_name="mlflow-dynamodbstore")
def main() -> None:
    """Look after the table of an MLflow store on DynamoDB."""


for command in (create_table, explain, replay, status):
    main.add_command(command)
