"""``mlflow-dynamodbstore ttl-policy``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import click
from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import config_of
from dynamodbstore_projections.config_values import MOST_DAYS

from mlflow_dynamodbstore.commands.config_options import (
    finish,
    print_found,
    replay_option,
)
from mlflow_dynamodbstore.commands.table_options import existing, table_command
from mlflow_dynamodbstore.config.changes import PolicyChange, set_policy
from mlflow_dynamodbstore.config.policy_item import PolicyItems
from mlflow_dynamodbstore.location import Location

_WHAT: Final = {
    "trace_retention_days": "traces",
    "soft_deleted_retention_days": "deleted experiments and runs",
    "metric_history_retention_days": "per-step metric history",
}
_STAMPED_LATER: Final = "soft_deleted_retention_days"
"""Of what is deleted already the replay changes the time; all else has its own since written."""

_DAYS: Final = click.IntRange(0, MOST_DAYS)


@click.group("ttl-policy")
def ttl_policy() -> None:
    """How long traces, deleted things and metric history are kept.

    \b
    Example:
      mlflow-dynamodbstore ttl-policy show --table mlflow --region eu-central-1
    """


@ttl_policy.command()
@table_command
def show(location: Location, as_json: bool) -> None:
    """Show the days that things are kept.

    \b
    Example:
      mlflow-dynamodbstore ttl-policy show --table mlflow --region eu-central-1
    """
    with existing(location) as table:
        items = {item["SK"]: item for item in table.query_all(CONFIG)}
        policy = asdict(config_of(table, items.values()).ttl)
        persisted = PolicyItems.among(table, items).persisted
    sources = {name: "persisted" if name in persisted else "default" for name in policy}
    rows = [(_WHAT[name], _for(days), sources[name]) for name, days in policy.items()]
    print_found(
        location,
        {**policy, "sources": sources},
        ("what", "is kept for", "from"),
        rows,
        as_json=as_json,
    )


@ttl_policy.command("set")
@click.option("--trace-retention-days", type=_DAYS, help="0 keeps them for ever.")
@click.option("--soft-deleted-retention-days", type=_DAYS, help="0 keeps them for ever.")
@click.option("--metric-history-retention-days", type=_DAYS, help="0 keeps it for ever.")
@replay_option
@table_command
def set_days(location: Location, replay: bool, as_json: bool, **options: int | None) -> None:
    """Change how long things are kept; what is not named stays as it is.

    Traces and metric history have their time from when they were written: a change counts for what
    is written from then on. What is deleted already gets its new time by a replay.

    \b
    Example:
      mlflow-dynamodbstore ttl-policy set --soft-deleted-retention-days 30 --replay \\
        --table mlflow --region eu-central-1
    """
    days = {name: value for name, value in options.items() if value is not None}
    if not days:
        raise click.UsageError(
            "Say what to change: --trace-retention-days, --soft-deleted-retention-days or "
            "--metric-history-retention-days."
        )
    with existing(location) as table:
        change = set_policy(table, days)
    finish(
        location,
        {**change.after, "changed": _changed(change)},
        _lines(change),
        projection="ttl",
        outdated=_STAMPED_LATER in change.changed,
        replay=replay,
        as_json=as_json,
    )


def _changed(change: PolicyChange) -> dict[str, Any]:
    return {
        name: {"before": _plain(change.before[name]), "after": change.after[name]}
        for name in change.changed
    }


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str) or value is None else repr(value)


def _lines(change: PolicyChange) -> list[str]:
    if not change.changed:
        return ["nothing changed"]
    lines = []
    for name in change.changed:
        before = change.before[name]
        was = _for(before) if isinstance(before, int) else repr(before)
        lines.append(f"{_WHAT[name]}: kept for {_for(change.after[name])}, before: {was}")
        if name != _STAMPED_LATER:
            lines.append("  (counts for what is written from now on)")
    return lines


def _for(days: int) -> str:
    return "ever" if not days else f"{days} day{'s' if days > 1 else ''}"
