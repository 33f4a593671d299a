"""``mlflow-dynamodbstore iam-policy``."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import click
from dynamodbstore_table.dynamodb.actions import (
    AT_START,
    ON_INDEXES,
    ON_ITEMS,
    ON_TABLES,
    actions_of,
)
from dynamodbstore_table.dynamodb.regions import is_known, partition_of, similar
from dynamodbstore_table.schema import INDEX_KEYS

from mlflow_dynamodbstore.commands.failures import WrongUsage
from mlflow_dynamodbstore.commands.table_options import table_command
from mlflow_dynamodbstore.location import Location, RegionLocation

ANY_ACCOUNT: Final = "*"
_ACCOUNT: Final = re.compile(r"\d{12}")


def policy(
    location: RegionLocation, *, operator: bool, account: str = ANY_ACCOUNT, metrics: bool = False
) -> dict[str, Any]:
    """The least that a server, or whoever runs all of the commands, has to be granted.

    ``metrics`` adds the reading of the functions' lag, an action that can't be limited.
    """
    partition = _partition(location.region)
    table = f"arn:{partition}:dynamodb:{location.region}:{account}:table/{location.table}"
    indexes = [f"{table}/index/{name}" for name in sorted(INDEX_KEYS)]
    statements = [_statement("Items", actions_of((*ON_ITEMS, *AT_START)), table)]
    statements.append(_statement("Indexes", actions_of(ON_INDEXES), indexes))
    if operator:
        statements.append(_statement("Table", actions_of(ON_TABLES), table))
    if metrics:
        statements.append(_statement("Lag", ["cloudwatch:GetMetricData"], "*"))
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(sid: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _partition(region: str) -> str:
    found = partition_of(region)
    if found is None:
        raise WrongUsage(f"AWS has no region {region!r}: check --region.")
    return found.name


def _doubt(region: str) -> None:
    """Warn of a region that may not be there; a policy for it grants nothing anywhere else."""
    if is_known(region):
        return
    import botocore

    like = similar(region)
    hint = f" Is it {' or '.join(like)}?" if like else ""
    click.echo(
        f"Warning: botocore {botocore.__version__} knows no region {region!r}.{hint}", err=True
    )


@click.command("iam-policy")
@click.option(
    "--for",
    "role",
    type=click.Choice(["server", "operator"]),
    default="server",
    show_default=True,
    help="A server, or someone who runs these commands.",
)
@click.option("--account", help="The table's AWS account, 12 digits. [default: any]")
@click.option(
    "--with-metrics",
    is_flag=True,
    help="Also grant what 'status' needs to show the functions' lag; no resource can limit it.",
)
@table_command
def iam_policy(
    location: Location, role: str, account: str | None, with_metrics: bool, as_json: bool
) -> None:
    """Print the IAM policy with the least rights that a server of a table needs.

    \b
    Example:
      mlflow-dynamodbstore iam-policy --table mlflow --region eu-central-1 \\
        --account 123456789012 > policy.json
    """
    if not isinstance(location, RegionLocation):
        raise WrongUsage("IAM is for a table in a region: name it by --table and --region.")
    if account is not None and not _ACCOUNT.fullmatch(account):
        raise WrongUsage(f"--account {account!r} is not the 12 digits of an AWS account.")
    _doubt(location.region)
    printed = policy(
        location,
        operator=role == "operator",
        account=account or ANY_ACCOUNT,
        metrics=with_metrics,
    )
    click.echo(json.dumps(printed, indent=None if as_json else 2))
