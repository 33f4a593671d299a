"""What a month on AWS costs a team of 10 and one of 1,000.

    python benchmarks/costs.py
    python benchmarks/costs.py --write docs/deployment.md

What a run takes is measured on an embedded file by the rules that DynamoDB charges by; what a team
does and AWS's prices are in cost_model.py. No request is sent to AWS.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from cost_measuring import CHANGES_A_BATCH, METRICS, RUNS_LISTED, STEPS, measure
from cost_model import (
    CALL_SECONDS,
    DAYS_A_MONTH,
    HOURS_A_DAY,
    MEMORY_GB,
    RECORDS_A_CALL,
    Measured,
    Prices,
    Taken,
    Team,
    bill,
)

TEAMS = (Team(10), Team(1000))
BEGIN, END = "<!-- costs: begin -->", "<!-- costs: end -->"


@click.command(help=__doc__)
@click.option(
    "--write",
    "page",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put it between the marks of this page.",
)
def main(page: Path | None) -> None:
    printed = report(measure(), TEAMS, Prices())
    if page is None:
        click.echo(printed)
        return
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{printed}\n{rest[rest.index(END) :]}")


def report(measured: Measured, teams: Sequence[Team], prices: Prices) -> str:
    """The tables in GitHub's Markdown."""
    return "\n\n".join([_assumed(teams[0]), _taken(measured), _bills(measured, teams, prices)])


def _assumed(team: Team) -> str:
    return "\n".join(
        [
            f"On each of {DAYS_A_MONTH} working days of {HOURS_A_DAY} hours, each person starts "
            f"{team.runs} runs, and looks at",
            f"{team.run_lists} lists of {RUNS_LISTED} runs, {team.run_pages} runs, and "
            f"{team.charts} charts of one metric of a run. A run has 2 tags, logs 10",
            f"metrics, 10 params and 10 tags in one batch, then {METRICS} metrics at each of "
            f"{STEPS} steps, and ends. What the",
            f"functions write and read is included, with {CHANGES_A_BATCH} changes at a time.",
        ]
    )


def _taken(measured: Measured) -> str:
    rows = [
        _row("one of", "write units", "read units", "changes", "of them of META", "bytes kept"),
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        _taken_row("run", measured.run),
        _taken_row(f"list of {RUNS_LISTED} runs", measured.run_list),
        _taken_row("run's page", measured.run_page),
        _taken_row("chart", measured.chart),
    ]
    return "\n".join(rows)


def _taken_row(name: str, taken: Taken) -> str:
    numbers = (taken.changes, taken.meta_changes, taken.bytes)
    return _row(
        name,
        f"{taken.write_units:,.0f}",
        f"{taken.read_units:,.0f}" if taken.read_units >= 10 else f"{taken.read_units:g}",
        *(f"{number:,}" if number else "" for number in numbers),
    )


def _bills(measured: Measured, teams: Sequence[Team], prices: Prices) -> str:
    bills = [bill(team, measured, prices) for team in teams]
    amounts = [f"{team.people:,} people" for team in teams]
    rows = [
        _row("a month", "price", *(f"{text} | {text}, $" for text in amounts)),
        "| --- | --- |" + " ---: | ---: |" * len(teams),
    ]
    for lines in zip(*bills, strict=True):
        cells = (f"{line.amount} | {line.dollars:,.2f}" for line in lines)
        rows.append(_row(lines[0].what, lines[0].price, *cells))
    totals = (f" | **{sum(line.dollars for line in lines):,.2f}**" for lines in bills)
    rows.append(_row("**in all**", "", *totals))
    per_call = f"min(changes, max({DAYS_A_MONTH * HOURS_A_DAY * 3600:,} seconds, changes / "
    rows += [
        "",
        "    writes    = people × runs × days × units of a run",
        "    reads     = people × days × Σ (how often a day × units)",
        "    storage   = people × runs × days × 12 months × bytes of a run",
        f"    calls     = {per_call}{RECORDS_A_CALL})) of each",
        "                stream function: SearchFunction all changes, LifecycleFunction those of "
        "META",
        f"    time      = calls × {CALL_SECONDS} s × {MEMORY_GB} GB",
    ]
    return "\n".join(rows)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
