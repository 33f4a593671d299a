"""What ``mlflow-dynamodbstore status`` has found, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.drivers.drift import Drift
from dynamodbstore_projections.heartbeat import Heartbeats
from dynamodbstore_table.facts import TableFacts
from rich.console import Console
from rich.table import Table as Grid

from mlflow_dynamodbstore.commands.drift_table import AS_FOUND, drift_json, print_drift
from mlflow_dynamodbstore.commands.keeper import Keeper, Problem
from mlflow_dynamodbstore.commands.passed_over import passed_over_json, print_passed_over
from mlflow_dynamodbstore.commands.stream_lag import NAMESPACE, StreamLag
from mlflow_dynamodbstore.commands.table_options import name_of
from mlflow_dynamodbstore.commands.table_sample import NAMES, Sample
from mlflow_dynamodbstore.location import EndpointLocation, FileLocation, Location, RegionLocation


@dataclass(frozen=True, slots=True)
class Found:
    """The table's facts; the heartbeats of the stream functions; the marks of what is built and
    being built; a sample, and the drift of so many ``compared`` entities of it; how far the stream
    functions are behind, where they keep the projections and CloudWatch has it.
    """

    facts: TableFacts
    heartbeats: Heartbeats
    built: list[str]
    building: list[str]
    sample: Sample
    compared: int
    drift: Drift
    now_ms: int
    lag: StreamLag | None = None

    def age_seconds(self, at_ms: int | None) -> float | None:
        """How long ago something was."""
        return None if at_ms is None else (self.now_ms - at_ms) / 1000


def _engine(location: Location) -> str:
    if isinstance(location, RegionLocation):
        return f"DynamoDB in {location.region}"
    if isinstance(location, EndpointLocation):
        return f"DynamoDB at {location.endpoint_url}"
    return f"embedded file, durability={location.durability}"


def as_json(
    location: Location, found: Found, kept: Keeper, wrong: Sequence[Problem] = ()
) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "table": name_of(location),
        "engine": _engine(location),
        "items": found.facts.items,
        "bytes": found.facts.bytes,
        "stream": found.facts.stream,
        "stream_arn": found.facts.stream_arn,
        "lacks": list(found.facts.lacks),
        "projections": {"setting": kept.setting, "mode": kept.mode, "why": kept.why},
        "heartbeats": {
            name: {
                "at": arrived.at,
                "age_seconds": found.age_seconds(arrived.at),
                "projections": dict(arrived.versions),
                "stream": arrived.stream,
            }
            for name, arrived in found.heartbeats.arrived.items()
        },
        "heartbeat_sent_seconds": found.age_seconds(found.heartbeats.sent),
        "problems": [asdict(problem) for problem in wrong],
        "lag_ms": 0 if kept.mode == "inline" else found.lag and found.lag.most_ms,
        "lag_by_function": dict(found.lag.by_function) if found.lag else None,
        "built": found.built,
        "building": found.building,
        "sample": {
            "whole": found.sample.whole,
            "items": found.sample.items,
            "kinds": {
                kind: {"entities": count.entities, "items": count.items}
                for kind, count in found.sample.kinds.items()
            },
        },
        "compared_entities": found.compared,
        "drift_total": found.drift.total,
        "passed_over": passed_over_json(found.sample.passed_over),
        "drift": drift_json(found.drift, [p.name for p in inline_projections()]),
    }


def print_report(
    location: Location, found: Found, kept: Keeper, wrong: Sequence[Problem] = ()
) -> None:
    """Print the report for people."""
    lines = {
        "table": f"{name_of(location)} ({_engine(location)})",
        "size": _size(location, found.facts),
        "stream": _stream(found.facts),
        "projections": f"{kept.mode} (set: {kept.setting}; {kept.why})",
        **_heartbeats(location, found),
        "lag": _lag(kept, found),
        "built": ", ".join(found.built) or _nothing_built(found.sample),
    }
    if found.building:
        lines["being built"] = ", ".join(found.building)
    if found.facts.lacks:
        lines["lacks"] = "; ".join(found.facts.lacks)
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"{name:<{width}}  {value}")
    for problem in wrong:
        click.echo(f"problem: {problem.what}. What to do: {problem.mend}")
    click.echo()
    Console().print(_counts(found.sample))
    click.echo()
    print_drift(found.drift, [p.name for p in inline_projections()], AS_FOUND)
    click.echo(f"drift of a sample of {found.compared} entities: {found.drift.total} differences")
    print_passed_over(found.sample.passed_over)


def _size(location: Location, facts: TableFacts) -> str:
    if facts.items is None or facts.bytes is None:
        return "not known"
    about = "about " if isinstance(location, RegionLocation) else ""
    return f"{about}{facts.items:,} items, {about}{facts.bytes / 1e6:,.1f} MB"


def _nothing_built(sample: Sample) -> str:
    if sample.whole and not any(count.entities for count in sample.kinds.values()):
        return "nothing yet: the first server that opens an empty table marks it as built"
    return "nothing: searches read canonical items only"


def _heartbeats(location: Location, found: Found) -> dict[str, str]:
    if isinstance(location, FileLocation):
        return {}
    lines = {"heartbeat sent": _age(found.age_seconds(found.heartbeats.sent))}
    for name, arrived in found.heartbeats.arrived.items():
        lines[f"heartbeat {name}"] = _age(found.age_seconds(arrived.at))
    return lines


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds:.0f} s ago" if seconds < 600 else f"{seconds / 60:.0f} minutes ago"


def _stream(facts: TableFacts) -> str:
    if facts.stream_arn:
        return f"on ({facts.stream_arn})"
    return {True: "on", False: "off", None: "none on this engine"}[facts.stream]


def _lag(kept: Keeper, found: Found) -> str:
    if kept.mode == "inline":
        return "none: projections are kept with each write"
    if found.lag is None:
        return "not known: only in a region do the functions tell it (to CloudWatch)"
    source = f"metric Lag in CloudWatch, namespace {NAMESPACE}"
    if found.lag.unknown:
        return f"not known: {found.lag.unknown} ({source}); the heartbeats are all there is"
    told = (f"{name} {_behind(lag)}" for name, lag in found.lag.by_function.items())
    return f"{', '.join(told)} ({source}, last hour)"


def _behind(lag_ms: float | None) -> str:
    return "was not called" if lag_ms is None else f"{lag_ms / 1000:,.1f} s"


def _counts(sample: Sample) -> Grid:
    how = "all items" if sample.whole else f"of a sample of {sample.items:,} items"
    grid = Grid(f"what ({how})", box=None, pad_edge=False)
    grid.add_column("entities", justify="right")
    grid.add_column("items", justify="right")
    for kind in sorted(
        sample.kinds, key=lambda kind: list(NAMES).index(kind) if kind in NAMES else 99
    ):
        count = sample.kinds[kind]
        grid.add_row(
            NAMES.get(kind, kind),
            f"{count.entities:,}" if count.entities else "",
            f"{count.items:,}",
        )
    return grid
