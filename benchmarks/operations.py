"""Requests, capacity units and time of MLflow's tracking operations on the store at a URI.

    python benchmarks/operations.py dynamodb:///benchmark.ddb --sql sqlite:///benchmark.db

It writes experiments of its own into the store; give it one that may be thrown away.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from fixtures import Fixtures, seed_by_logging
from measuring import Subject, meter_operation, open_metered, time_operation
from mlflow_dynamodbstore.build import build_tracking_store
from operation import Operation
from report import Row, as_json, as_markdown, print_table
from rich.console import Console
from workloads_reading import reading_operations
from workloads_writing import writing_operations


@click.command(help=__doc__)
@click.argument("uri")
@click.option("--sql", metavar="URI", help="Run MLflow's SQL store at this URI beside it.")
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1_000, 10_000),
    show_default=True,
    help="Runs in an experiment that is searched; may be given several times.",
)
@click.option(
    "--readback",
    type=click.IntRange(min=1),
    default=3_000,
    show_default=True,
    help="Runs that are read back whole.",
)
@click.option("--only", multiple=True, metavar="TEXT", help="Operations with this in their name.")
@click.option("--quick", is_flag=True, help="Few repetitions: shows that all works, times little.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a Markdown table.")
def main(
    uri: str,
    sql: str | None,
    runs: tuple[int, ...],
    readback: int,
    only: tuple[str, ...],
    quick: bool,
    form: str | None,
) -> None:
    operations = [*writing_operations(max(runs)), *reading_operations(runs, readback)]
    if only:
        operations = [o for o in operations if any(text in o.name for text in only)]
    if not operations:
        raise click.UsageError(f"no operation has any of {', '.join(map(repr, only))} in its name")
    if quick:
        operations = [operation.quick() for operation in operations]
    with tempfile.TemporaryDirectory() as artifacts:
        rows = measure(operations, uri, sql, Path(artifacts).as_uri())
    if form == "json":
        click.echo(as_json(rows))
    elif form == "markdown":
        click.echo(as_markdown(rows))
    else:
        print_table(rows, Console())


def measure(
    operations: list[Operation], uri: str, sql: str | None, artifact_root: str
) -> list[Row]:
    """Measure the operations one after the other; says on stderr which one is at work."""
    store = build_tracking_store(uri, artifact_root)
    subjects = [Subject(store, Fixtures(store, seed_by_logging))]
    if sql:
        from run_sql import open_sql_store, seed_sql

        sql_store = open_sql_store(sql, artifact_root)
        subjects.append(Subject(sql_store, Fixtures(sql_store, seed_sql)))
    metered, meter = open_metered(uri, artifact_root)
    rows = []
    progress = Console(stderr=True)
    with progress.status("") as status:
        for operation in operations:
            status.update(operation.name)
            cost = meter_operation(operation, metered, subjects[0].fixtures, meter)
            times = time_operation(operation, subjects)
            rows.append(Row(operation, cost, times[0], times[1] if sql else None))
    return rows


if __name__ == "__main__":
    main()
