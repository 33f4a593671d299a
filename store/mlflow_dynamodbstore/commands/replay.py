"""``mlflow-dynamodbstore replay``."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.drivers.export_files import ExportFiles
from dynamodbstore_projections.drivers.heal import drifted, unwritten
from dynamodbstore_projections.drivers.replay import Rebuilt, Scope, compare, rebuild
from dynamodbstore_projections.drivers.sources import Source, TableScan
from dynamodbstore_projections.expiry.sweep import remove_expired
from dynamodbstore_projections.projection import Projection
from dynamodbstore_table.port import Table
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mlflow_dynamodbstore.commands import waiting
from mlflow_dynamodbstore.commands.drift_table import AS_FOUND, WOULD, drift_json, print_drift
from mlflow_dynamodbstore.commands.passed_over import passed_over_json, print_passed_over
from mlflow_dynamodbstore.commands.table_options import FAILED, name_of, opened, table_command
from mlflow_dynamodbstore.location import FileLocation, Location
from mlflow_dynamodbstore.settings import fts_trigram_fields

_NAMES: Final = tuple(projection.name for projection in inline_projections())
_SEGMENTS_OF_A_SERVER: Final = 16
_MOST_SEGMENTS: Final = 1_000_000
_SHOWN_FAILURES: Final = 10


@click.command()
@click.option(
    "--projection",
    "names",
    type=click.Choice(_NAMES),
    multiple=True,
    help="Only this one; may be given several times.",
)
@click.option(
    "--segments",
    type=click.IntRange(1, _MOST_SEGMENTS),
    help="Parts to read side by side. [default: 16, for a file 1]",
)
@click.option(
    "--from-export",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read which items there are from a DynamoDB export to S3, copied to this directory.",
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that records how far it has come, to go on from there.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--verify", is_flag=True, help="Say what is not as it should be; then exit with 1.")
@click.option(
    "--examples", type=click.IntRange(0), default=5, show_default=True, help="Keys to print of each"
)
@table_command
def replay(
    location: Location,
    names: Sequence[str],
    segments: int | None,
    from_export: Path | None,
    checkpoint: Path | None,
    dry_run: bool,
    verify: bool,
    examples: int,
    as_json: bool,
) -> None:
    """Rebuild projections from the canonical items, while servers are at work.

    \b
    Example:
      mlflow-dynamodbstore replay --table mlflow --region eu-central-1 --verify
    """
    if dry_run and verify:
        raise click.UsageError("--dry-run and --verify both only read: give one of them.")
    if checkpoint is not None and (dry_run or verify):
        raise click.UsageError("--checkpoint is for a replay that writes.")
    if not (dry_run or verify):
        result = rebuilt(
            location,
            names,
            segments=segments,
            from_export=from_export,
            checkpoint=checkpoint,
            shown=not as_json,
        )
        if as_json:
            click.echo(json.dumps(rebuilt_json(result)))
        else:
            print_rebuilt(result)
        end_if_failed(result)
        return
    with _scope(location, names, segments, from_export, checkpoint, not as_json) as scope:
        drift, items = compare(scope, examples=examples, wanting=unwritten if dry_run else drifted)
    if as_json:
        found = {
            "items": items,
            "drift": drift.total,
            **drift_json(drift, scope.names),
            "passed_over": passed_over_json(drift.passed_over),
        }
        click.echo(json.dumps(found))
    else:
        print_drift(drift, scope.names, WOULD if dry_run else AS_FOUND)
        click.echo(f"{items} items read; {_summary(drift.total, dry_run)}")
        print_passed_over(drift.passed_over)
    if verify and (drift.total or drift.passed_over.damaged_items):
        sys.exit(FAILED)


def rebuilt(
    location: Location,
    names: Sequence[str] = (),
    *,
    segments: int | None = None,
    from_export: Path | None = None,
    checkpoint: Path | None = None,
    shown: bool = True,
) -> Rebuilt:
    """Rebuild the projections of these names (all, if there are none), with a progress bar where it
    is ``shown``.

    Raises ``TableError``, ``MlflowException``, ``InvalidCheckpoint``, ``InvalidExport``, or
    ``OSError``.
    """
    with _scope(location, names, segments, from_export, checkpoint, shown) as scope:
        _remove_expired(scope.table, scope.projections)
        return rebuild(
            scope,
            table_name=name_of(location),
            checkpoint_path=checkpoint,
            report=_say,
            wait=waiting.pause,
        )


@contextmanager
def _scope(
    location: Location,
    names: Sequence[str],
    segments: int | None,
    from_export: Path | None,
    checkpoint: Path | None,
    shown: bool,
) -> Iterator[Scope]:
    projections = [p for p in inline_projections() if not names or p.name in names]
    fields = fts_trigram_fields()
    with opened(_unhurried(location, checkpoint)) as table:
        facts = table.facts()
        workers = segments or (_SEGMENTS_OF_A_SERVER if table.remote else 1)
        export = None
        if from_export is not None:
            export = ExportFiles(from_export, facts.arn, facts.table_id)
        source: Source = export or TableScan(table, workers)
        total = facts.items if export is None else export.items
        with _progress(total, shown=shown) as on_page:
            yield Scope(table, projections, source, workers, fields, on_page, facts.table_id)


def _unhurried(location: Location, checkpoint: Path | None) -> Location:
    """An embedded file without a sync for each write: what a power loss takes of a rebuild, it
    takes from its end, marks first. But no checkpoint may tell of what is lost."""
    if isinstance(location, FileLocation) and checkpoint is None:
        return replace(location, durability="process")
    return location


def _summary(total: int, dry_run: bool) -> str:
    if dry_run:
        return f"{total} changes would be made, none was"
    return "no drift" if not total else f"{total} differences; 'replay' without --verify heals them"


def _remove_expired(table: Table, projections: Sequence[Projection]) -> None:
    # What has expired leaves items of every projection: with one missing they would stay behind.
    if len(projections) == len(_NAMES):
        remove_expired(table, ConfigSource(table).current, seconds=math.inf)


def _say(message: str) -> None:
    click.echo(message, err=True)


@contextmanager
def _progress(total: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar of items on standard error, where that is a terminal."""
    if not shown or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("items"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("items", total=total or None)
        yield lambda items: progress.advance(task, items)


def rebuilt_json(result: Rebuilt) -> dict[str, Any]:
    """What a rebuild did, as JSON."""
    done = result.done
    return {
        "items": result.items,
        "resumed": result.resumed,
        "entities": done.entities,
        "ops": done.ops,
        "postings_restored": done.restored,
        "postings_removed": done.removed,
        "failed": done.failed,
        "built": sorted(result.built),
        "not_marked": sorted(result.unmarked),
        "left_alone": list(result.left_alone),
        "passed_over": passed_over_json(result.passed_over),
    }


def print_rebuilt(result: Rebuilt) -> None:
    """Print what a rebuild did, for people."""
    done = result.done
    click.echo(
        f"{result.items} items read{' from the checkpoint on' if result.resumed else ''}, "
        f"{done.entities} entities projected, {done.ops} writes, {done.restored} lost postings "
        f"put back, {done.removed} stray ones removed"
    )
    if result.built:
        click.echo(f"built: {', '.join(sorted(result.built))}")
    print_passed_over(result.passed_over)
    if result.left_alone:
        click.echo(
            f"left alone: {', '.join(result.left_alone)}; the table has a newer version of it than "
            "this installation: upgrade mlflow-dynamodbstore to replay it"
        )
    if result.unmarked:
        click.echo(
            f"not marked as built: {', '.join(sorted(result.unmarked))}; the export has not "
            "all that was written before every server kept them: export again, or replay "
            "without --from-export"
        )


def end_if_failed(result: Rebuilt) -> None:
    """Name the entities that could not be projected, and end with exit code 1 if there are any, or
    items that are damaged."""
    failed = result.done.failed
    for pk in sorted(failed)[:_SHOWN_FAILURES]:
        click.echo(f"Error: {pk} could not be projected: {failed[pk]}", err=True)
    if len(failed) > _SHOWN_FAILURES:
        click.echo(f"Error: and {len(failed) - _SHOWN_FAILURES} others", err=True)
    if failed or result.passed_over.damaged_items:
        sys.exit(FAILED)
