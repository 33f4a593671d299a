"""Every command has help with an example that works, and prints for machines."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.commands.cli import DONE, USAGE, commands, run

PROGRAM = "mlflow-dynamodbstore"


ALL = dict(commands())
NAMES = [pytest.param(path, id=" ".join(path)) for path in ALL]


def example_of(path: tuple[str, ...]) -> list[str]:
    """The words of the example in a command's help."""
    lines = run(*path, "--help").output.split("Example:\n", 1)[1].split("\n\n", 1)[0]
    return shlex.split(lines.replace("\\\n", " ").split(" > ")[0])


def test_the_commands_are_those_of_the_contract() -> None:
    assert {" ".join(path) for path in ALL} == {
        "clock confirm",
        "clock show",
        "create-table",
        "denormalize-tags set",
        "denormalize-tags show",
        "explain",
        "fts-trigrams set",
        "fts-trigrams show",
        "iam-policy",
        "replay",
        "status",
        "ttl-policy set",
        "ttl-policy show",
    }


@pytest.mark.parametrize("path", NAMES)
def test_the_example_can_be_read(path: tuple[str, ...]) -> None:
    program, *words = example_of(path)

    assert program == PROGRAM
    assert tuple(words[: len(path)]) == path
    ALL[path].make_context(path[-1], words[len(path) :])


@pytest.mark.parametrize("path", NAMES)
def test_prints_for_machines(path: tuple[str, ...]) -> None:
    assert "--json" in {option for param in ALL[path].params for option in param.opts}


@pytest.mark.parametrize("path", NAMES)
def test_names_the_table_in_every_way(path: tuple[str, ...]) -> None:
    shown = run(*path, "--help").output

    for option in ("--table", "--region", "--endpoint-url", "--store-uri"):
        assert re.search(rf"^ +{option}\b", shown, re.MULTILINE)


def test_the_help_of_the_program_lists_them_and_the_exit_codes() -> None:
    shown = run("--help")

    assert shown.exit_code == DONE
    assert all(path[0] in shown.output for path in ALL)
    assert "0 done, 1 failed or drift found, 2 wrong usage" in shown.output


def test_a_command_that_there_is_none_of_is_wrong_usage() -> None:
    done = run("stats")

    assert done.exit_code == USAGE
    assert "No such command 'stats'" in done.stderr
