"""What the commands that set a list have in common: ``denormalize-tags`` and ``fts-trigrams``."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.embedded.table import SqliteTable

from tests.commands.cli import DONE, FAILED, USAGE, Named, run, run_json
from tests.commands.conftest import Waits
from tests.config.items import BUILT, DENORMALIZE_TAGS, FTS_TRIGRAM_FIELDS, item, write_item

pytestmark = pytest.mark.usefixtures("waits")


@dataclass(frozen=True)
class ListCommand:
    """A command, its option with a value, the item, the list's name in it, and what is always in
    it."""

    name: str
    value: tuple[str, str]
    sk: str
    field: str
    always: tuple[str, ...] = ()


TAGS = ListCommand(
    "denormalize-tags", ("--pattern", "team"), DENORMALIZE_TAGS, "patterns", ("mlflow.*",)
)
FIELDS = ListCommand("fts-trigrams", ("--field", "description"), FTS_TRIGRAM_FIELDS, "fields")


@pytest.fixture(params=[TAGS, FIELDS], ids=lambda command: command.name)
def command(request: pytest.FixtureRequest) -> ListCommand:
    found: ListCommand = request.param
    return found


@pytest.mark.parametrize("none", [[], ["--none"]], ids=["neither", "both"])
def test_values_or_none_have_to_be_said_and_not_both(
    table: SqliteTable, named: Named, command: ListCommand, none: list[str]
) -> None:
    value = command.value if none else ()

    done = run(command.name, "set", *named, *value, *none)

    assert done.exit_code == USAGE
    assert f"{command.value[0]}; or take everything away with --none" in done.stderr
    assert item(table, command.sk) is None


def test_what_is_so_already_is_not_written(
    table: SqliteTable, named: Named, command: ListCommand, waits: Waits
) -> None:
    run(command.name, "set", *named, *command.value)
    before = item(table, command.sk)

    done = run(command.name, "set", *named, *command.value)

    assert "nothing changed" in done.output
    assert item(table, command.sk) == before
    assert waits == []


def test_nonsense_is_written_anew(table: SqliteTable, named: Named, command: ListCommand) -> None:
    write_item(table, command.sk, **{command.field: "nonsense"})

    done = run(command.name, "set", *named, *command.value)

    assert done.exit_code == DONE
    assert "written anew" in done.output
    written = item(table, command.sk)
    assert written is not None
    assert written[command.field] == [*command.always, command.value[1]]


def test_nonsense_in_the_marks_is_told_and_nothing_is_written(
    table: SqliteTable, named: Named, command: ListCommand
) -> None:
    write_item(table, BUILT, marks=None)

    done = run(command.name, "set", *named, *command.value)

    assert done.exit_code == FAILED
    assert "CONFIG/BUILT is wrong: 'marks' is None" in done.stderr
    assert item(table, command.sk) is None


def test_machines_are_told_what_changed_in_json_alone(
    table: SqliteTable, named: Named, command: ListCommand
) -> None:
    run(command.name, "set", *named, *command.value, "--replay")

    said = run_json(command.name, "set", *named, "--none")

    assert said[command.field] == list(command.always)
    assert (said["added"], said["removed"]) == ([], [command.value[1]])
    assert said["replay"].startswith("mlflow-dynamodbstore replay ")


def test_works_on_a_server(named_on_server: Named, command: ListCommand) -> None:
    run(command.name, "set", *named_on_server, *command.value)
    assert run_json(command.name, "show", *named_on_server)[command.field][-1] == command.value[1]

    run(command.name, "set", *named_on_server, "--none")

    left = run_json(command.name, "show", *named_on_server)[command.field]
    assert left == list(command.always)


def test_none_is_what_there_was_before_anything_was_set(
    table: SqliteTable, named: Named, command: ListCommand
) -> None:
    before = ConfigSource(table).read()
    run(command.name, "set", *named, *command.value)

    run(command.name, "set", *named, "--none")

    assert ConfigSource(table).read() == before
