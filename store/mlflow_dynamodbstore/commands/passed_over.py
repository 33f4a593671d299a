"""Items that were passed over, for people and for machines."""

from __future__ import annotations

from typing import Any, Final

import click
from dynamodbstore_projections.passed_over import PassedOver

_SHOWN: Final = 20


def print_passed_over(found: PassedOver) -> None:
    """A line for each of the first items that nothing here can read, and what to do about them."""
    for count, named, what in (
        (found.damaged_items, found.damaged, "damaged"),
        (found.foreign_items, found.foreign, "of no kind that this version knows"),
    ):
        if not count:
            continue
        click.echo(f"passed over: {count:,} items that are {what}, which no replay mends:")
        for (pk, sk), fault in sorted(named.items())[:_SHOWN]:
            click.echo(f"  {pk} {sk}: {fault}")
        if count > _SHOWN:
            click.echo(f"  and {count - _SHOWN:,} others")
    if found.damaged_items:
        click.echo("put the damaged items right, restore them from a backup, or delete them")


def passed_over_json(found: PassedOver) -> dict[str, Any]:
    """The same as JSON: how many, and the first ones with their faults."""
    return {
        "damaged": {
            "count": found.damaged_items,
            "examples": [
                {"PK": pk, "SK": sk, "fault": fault}
                for (pk, sk), fault in sorted(found.damaged.items())[:_SHOWN]
            ],
        },
        "foreign": {
            "count": found.foreign_items,
            "examples": [{"PK": pk, "SK": sk} for pk, sk in sorted(found.foreign)[:_SHOWN]],
        },
    }
