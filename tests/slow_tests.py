"""Runs the tests that are marked slow, and records the result: ``make slow``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "slow-tests.md"
SELECTED = "slow and not e2e"


@dataclass(frozen=True)
class Ran:
    """A test that has run: its file, how it ended, and how long it took (s)."""

    file: str
    outcome: str
    seconds: float


def main() -> int:
    """Run them, write the page, and return pytest's exit code."""
    with tempfile.TemporaryDirectory() as aside:
        report = Path(aside) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", SELECTED, f"--junitxml={report}"]
        ended = subprocess.run([*command, *sys.argv[1:]], cwd=ROOT).returncode
        if report.exists():
            PAGE.write_text(page(list(read_report(report)), _commit(), datetime.now(timezone.utc)))
    return ended


def read_report(report: Path) -> Iterator[Ran]:
    """The tests in pytest's report in the form of JUnit."""
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = next((o.tag for o in case if o.tag in ("failure", "error", "skipped")), "passed")
        file = case.get("classname", "").partition(".Test")[0].replace(".", "/") + ".py"
        yield Ran(file, outcome, float(case.get("time", "0")))


def page(ran: list[Ran], commit: str, when: datetime) -> str:
    """The page that shows the result."""
    by_file: defaultdict[str, list[Ran]] = defaultdict(list)
    for test in ran:
        by_file[test.file].append(test)
    rows = [
        f"| `{file}` | {len(tests)} | {_outcomes(tests)} | {sum(t.seconds for t in tests):.0f} |"
        for file, tests in sorted(by_file.items())
    ]
    return "\n".join(
        [
            "# The slow tests",
            "",
            "They repeat another test with large numbers, for minutes. CI doesn't run them; what",
            "`make slow` found when it last ran is here.",
            "",
            f"Last run on {when:%Y-%m-%d} at commit {commit}: {_outcomes(ran)}.",
            "",
            "| file | tests | outcome | seconds |",
            "|---|---:|---|---:|",
            *rows,
            "",
        ]
    )


def _outcomes(tests: list[Ran]) -> str:
    names = {"passed": "passed", "failure": "failed", "error": "broken", "skipped": "skipped"}
    counts = {word: sum(t.outcome == tag for t in tests) for tag, word in names.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


if __name__ == "__main__":
    sys.exit(main())
