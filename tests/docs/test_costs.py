"""The costs on the page are those that the script prints, and the script adds up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.docs import markdown
from tests.docs.markdown import ROOT
from tests.lambdas.template import template

SCRIPT = ROOT / "benchmarks" / "costs.py"


@pytest.fixture(scope="module")
def printed() -> str:
    done = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.strip()


def test_the_page_shows_what_the_script_prints(printed: str) -> None:
    page = markdown.read("docs/deployment.md")
    shown = page.partition("<!-- costs: begin -->")[2].partition("<!-- costs: end -->")[0]

    assert shown.strip() == printed, "run: python benchmarks/costs.py --write docs/deployment.md"


def test_the_lines_of_a_bill_add_up(printed: str) -> None:
    rows = markdown.rows(printed[printed.index("| a month ") :])
    dollars = [[float(cell.strip("*").replace(",", "")) for cell in row[3::2]] for row in rows]

    *lines, totals = dollars
    for column, total in enumerate(totals):
        assert sum(line[column] for line in lines) == pytest.approx(total, abs=0.05)


def test_the_readme_names_what_it_is_for_ten_people(printed: str) -> None:
    total = markdown.rows(printed[printed.index("| a month ") :])[-1][3].strip("*")

    assert f"about ${float(total):.0f} a month for a team of 10" in markdown.read("README.md")


def test_writes_are_people_times_runs_times_days_times_units(printed: str) -> None:
    units = float(markdown.rows(printed)[0][1].replace(",", ""))
    (writes,) = [line for line in printed.splitlines() if line.startswith("| writes")]
    small, large = (float(cell.split("|")[0].replace(",", "")) for cell in writes.split("| ")[4::2])

    assert small == pytest.approx(10 * 20 * 21 * units / 1e6 * 0.625, rel=0.001)
    assert large == pytest.approx(1000 * 20 * 21 * units / 1e6 * 0.625, rel=0.001)


def test_the_bill_has_the_templates_alarms_and_functions(printed: str) -> None:
    alarms = [r for r in template()["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    function = template()["Globals"]["Function"]

    assert f"{len(alarms)} alarms" in printed
    assert function["Architectures"] == ["arm64"]
    assert template()["Parameters"]["MemorySize"]["Default"] == 512
