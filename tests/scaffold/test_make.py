"""One command sets up and tests: the Makefile, the README, CI and the hooks agree on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import datetime, timezone

import pytest
import yaml

from tests.docs import markdown
from tests.docs.markdown import ROOT
from tests.slow_tests import Ran, page

TARGETS = ["setup", "fmt", "lint", "types", "test", "one", "e2e", "slow", "hooks", "clean"]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def make(*arguments: str) -> str:
    """What make prints, also where these tests are run by a make of their own."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout


def planned(*arguments: str) -> str:
    """What make would run."""
    return make("-n", *arguments)


@needs_make
def test_help_lists_every_target() -> None:
    assert [line.split()[0] for line in make("help").splitlines()] == ["help", *TARGETS]


@needs_make
def test_make_test_sets_up_and_runs_style_types_and_tests_in_this_order() -> None:
    printed = planned("test", "VENV=/nowhere")

    steps = ["-m venv", "install", "ruff check", "ruff format --check", "mypy", "pytest"]
    places = [printed.index(step) for step in steps]
    assert places == sorted(places)


@needs_make
def test_each_tier_selects_its_mark() -> None:
    assert "pytest -m e2e" in planned("e2e")
    assert "tests.slow_tests" in planned("slow")
    assert "-n 0 tests/table -k sqlite" in planned("one", "T=tests/table -k sqlite")


def test_the_readme_has_one_command_to_set_up_and_test() -> None:
    (block,) = markdown.blocks(markdown.section("README.md", "## Developing"), "sh")

    assert block == "make test\n"


def test_ci_runs_the_readmes_command_and_then_e2e() -> None:
    script = (ROOT / ".ci" / "run").read_text()

    assert re.search(r'^run "\$command" default && run "make e2e" e2e$', script, re.MULTILINE)


def test_the_hooks_are_targets_of_make() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]

    assert entries == ["make lint", "make types"]
    assert {entry.split()[1] for entry in entries} <= set(TARGETS)


def test_the_page_of_slow_tests_shows_commit_date_and_outcome_of_each_file() -> None:
    ran = [
        Ran("tests/a.py", "passed", 61.2),
        Ran("tests/a.py", "failure", 1.0),
        Ran("tests/b.py", "passed", 5.0),
    ]

    text = page(ran, "abc1234", datetime(2026, 1, 2, tzinfo=timezone.utc))

    assert "Last run on 2026-01-02 at commit abc1234: 2 passed, 1 failed." in text
    assert "| `tests/a.py` | 2 | 1 passed, 1 failed | 62 |" in text
    assert "| `tests/b.py` | 1 | 1 passed | 5 |" in text
