"""Requests, capacity units and time of MLflow's operations on the store at a URI.

    python benchmarks/operations.py dynamodb:///benchmark.ddb --sql sqlite:///benchmark.db

It writes experiments of its own into the store; give it one that may be thrown away.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from fixtures import Fixtures, seed_by_logging
from measuring import Subject, open_metered
from mlflow_dynamodbstore.stores.build_registry import build_registry_store
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore
from operation import Operation
from registry_fixtures import RegistryFixtures, seed_by_registering
from report import Row, as_json, as_markdown, measured, print_table
from rich.console import Console
from workloads_reading import reading_operations
from workloads_registry import registry_operations
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
@click.option(
    "--models",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Registered models that are searched.",
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
    models: int,
    only: tuple[str, ...],
    quick: bool,
    form: str | None,
) -> None:
    def chosen(operations: list[Operation]) -> list[Operation]:
        wanted = [o for o in operations if not only or any(text in o.name for text in only)]
        return [operation.quick() for operation in wanted] if quick else wanted

    tracking = chosen([*writing_operations(max(runs)), *reading_operations(runs, readback)])
    registry = chosen(registry_operations(models))
    if not tracking and not registry:
        raise click.UsageError(f"no operation has any of {', '.join(map(repr, only))} in its name")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as artifacts:
        if tracking:
            rows += measure_tracking(tracking, uri, sql, Path(artifacts).as_uri())
    if registry:
        rows += measure_registry(registry, uri, sql)
    if form == "json":
        click.echo(as_json(rows))
    elif form == "markdown":
        click.echo(as_markdown(rows))
    else:
        print_table(rows, Console())


def measure_tracking(
    operations: list[Operation], uri: str, sql: str | None, artifact_root: str
) -> list[Row]:
    """Measure operations of the tracking store."""
    store = build_tracking_store(uri, artifact_root)
    subjects = [Subject(store, Fixtures(store, seed_by_logging))]
    if sql:
        from run_sql import open_sql_store, seed_sql

        sql_store = open_sql_store(sql, artifact_root)
        subjects.append(Subject(sql_store, Fixtures(sql_store, seed_sql)))
    table, meter = open_metered(uri)
    return measured(operations, subjects, DynamoTrackingStore(table, artifact_root), meter)


def measure_registry(operations: list[Operation], uri: str, sql: str | None) -> list[Row]:
    """Measure operations of the model registry."""
    store = build_registry_store(uri)
    subjects = [Subject(store, RegistryFixtures(store, seed_by_registering))]
    if sql:
        from run_sql_registry import open_sql_registry, seed_sql_registry

        sql_store = open_sql_registry(sql)
        subjects.append(Subject(sql_store, RegistryFixtures(sql_store, seed_sql_registry)))
    table, meter = open_metered(uri)
    return measured(operations, subjects, DynamoRegistryStore(table), meter)


if __name__ == "__main__":
    main()
