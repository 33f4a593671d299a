"""Drift, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click
from dynamodbstore_projections.drivers.drift import KINDS, Drift, Kind
from rich.console import Console
from rich.table import Table

AS_FOUND: Mapping[Kind, str] = {kind: kind for kind in KINDS}
WOULD: Mapping[Kind, str] = {"missing": "to add", "stale": "to remove", "wrong": "to change"}
"""What a replay would do about each kind."""


def print_drift(drift: Drift, projections: Iterable[str], heads: Mapping[Kind, str]) -> None:
    """Numbers by projection and kind, and a line for each example."""
    names = tuple(projections)
    table = Table("projection", box=None, pad_edge=False)
    for kind in KINDS:
        table.add_column(heads[kind], justify="right")
    for name in names:
        table.add_row(name, *(f"{drift.counts[name, kind]:,}" for kind in KINDS))
    Console().print(table)
    for name in names:
        for kind in KINDS:
            for where in drift.examples.get((name, kind), ()):
                click.echo(f"  {name}, {heads[kind]}: {where}")


def drift_json(drift: Drift, projections: Iterable[str]) -> dict[str, Any]:
    """The same as JSON: by projection and kind, ``count`` and ``examples``."""
    return {
        name: {
            kind: {
                "count": drift.counts[name, kind],
                "examples": drift.examples.get((name, kind), []),
            }
            for kind in KINDS
        }
        for name in projections
    }
