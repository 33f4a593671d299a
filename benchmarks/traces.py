"""Requests, capacity units and time of MLflow's operations on traces, on the store at a URI.

    python benchmarks/traces.py dynamodb:///benchmark.ddb --sql sqlite:///benchmark.db

It writes experiments of its own into the store; give it one that may be thrown away.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from measuring import Subject, open_metered
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore
from report import as_json, as_markdown, measured, print_table
from rich.console import Console
from trace_fixtures import TraceFixtures, seed_by_sending
from workloads_traces import trace_operations


@click.command(help=__doc__)
@click.argument("uri")
@click.option("--sql", metavar="URI", help="Run MLflow's SQL store at this URI beside it.")
@click.option(
    "--traces",
    type=click.IntRange(min=1000),
    default=10_000,
    show_default=True,
    help="Traces in the experiment that is searched.",
)
@click.option("--only", multiple=True, metavar="TEXT", help="Operations with this in their name.")
@click.option("--quick", is_flag=True, help="Few repetitions: shows that all works, times little.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a Markdown table.")
def main(
    uri: str, sql: str | None, traces: int, only: tuple[str, ...], quick: bool, form: str | None
) -> None:
    wanted = [o for o in trace_operations(traces) if not only or any(t in o.name for t in only)]
    if not wanted:
        raise click.UsageError(f"no operation has any of {', '.join(map(repr, only))} in its name")
    operations = [operation.quick() for operation in wanted] if quick else wanted
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).as_uri()
        store = build_tracking_store(uri, root)
        subjects = [Subject(store, TraceFixtures(store, seed_by_sending))]
        if sql:
            from run_sql import open_sql_store
            from run_sql_traces import seed_sql_traces

            other = open_sql_store(sql, root)
            subjects.append(Subject(other, TraceFixtures(other, seed_sql_traces)))
        table, meter = open_metered(uri)
        rows = measured(operations, subjects, DynamoTrackingStore(table, root), meter)
    if form == "json":
        click.echo(as_json(rows))
    elif form == "markdown":
        click.echo(as_markdown(rows))
    else:
        print_table(rows, Console())


if __name__ == "__main__":
    main()
