"""The benchmark of the projections runs, and shows what they are for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = Path(__file__).parents[2] / "benchmarks" / "projections.py"


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    """The rows of each section by their names, over an experiment of 250 runs."""
    done = subprocess.run(
        [
            *(sys.executable, str(_PROGRAM), "dynamodb:///table.ddb?durability=process"),
            *("--runs", "250", "--calls", "20", "--json"),
        ],
        cwd=tmp_path_factory.mktemp("benchmark"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sections = json.loads(done.stdout).values()
    named = [{next(iter(row.values())): row for row in rows} for rows in sections]
    return dict(zip(("batches", "calls", "searches", "replays"), named, strict=True))


def test_many_changes_of_one_run_are_one_pass_over_it(figures: dict[str, Any]) -> None:
    """Given a batch of an ended run's changes, then there are fewer requests than events."""
    row = figures["batches"]["set_tag, run that has ended"]
    assert row["events"] == 20
    assert row["ops an event"] * row["events"] == pytest.approx(1)
    assert row["requests an event"] < 0.5


def test_a_metric_of_a_run_at_work_costs_no_write_of_the_projector(figures: dict[str, Any]) -> None:
    row = figures["calls"]["log_metric, run at work"]
    assert row["w, event by event"] == row["w of the store"]


def test_a_search_for_what_is_rare_reads_little(figures: dict[str, Any]) -> None:
    rare = figures["searches"]["LIKE that 1 in 200 matches, of 250"]
    assert rare["found"] == 2
    assert rare["rd"] < rare["rd without"] / 10
    whole = figures["searches"]["100 ended runs, of 250"]
    assert whole["found"] == 100
    assert whole["r"] <= 4
    assert whole["rd"] <= 60


def test_a_replay_of_what_is_in_order_writes_nothing(figures: dict[str, Any]) -> None:
    first, second = figures["replays"].values()
    assert first["ops written"] > 250
    assert second["ops written"] == 0
