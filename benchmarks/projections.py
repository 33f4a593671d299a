"""Costs and speed of the projections of the store at a URI, as the stream functions keep them.

    python benchmarks/projections.py dynamodb:///benchmark.ddb

It writes experiments of its own into the store, and rebuilds its projections; give it one that may
be thrown away. On a file, requests and units are what the same calls would take on DynamoDB.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from projecting import Deployment
from projector_costs import projector_sections
from rich.console import Console
from search_costs import search_sections
from sections import as_json, as_markdown, print_sections


@click.command(help=__doc__)
@click.argument("uri")
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1_000, 10_000),
    show_default=True,
    help="Runs in an experiment that is searched; may be given several times.",
)
@click.option(
    "--calls",
    type=click.IntRange(1, 100),
    default=100,
    show_default=True,
    help="Calls whose changes make a batch.",
)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown tables.")
def main(uri: str, runs: tuple[int, ...], calls: int, form: str | None) -> None:
    with tempfile.TemporaryDirectory() as directory:
        artifact_root = Path(directory).as_uri()
        timed = Deployment(uri, artifact_root, metered=False)
        metered = Deployment(uri, artifact_root, metered=True)
        progress = Console(stderr=True)
        with progress.status("the projector") as status:
            sections = projector_sections(metered, timed, calls)
            status.update("searches and replays")
            sections += search_sections(metered, timed, runs)
    if form == "json":
        click.echo(as_json(sections))
    elif form == "markdown":
        click.echo(as_markdown(sections))
    else:
        print_sections(sections, Console())


if __name__ == "__main__":
    main()
