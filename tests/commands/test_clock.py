"""``mlflow-dynamodbstore clock``: the time of a file beside the machine's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put

from tests.commands.cli import DONE, FAILED, USAGE, Named, run, run_json
from tests.table.clocks import DAY, Clocks, clocks

__all__ = ["clocks"]


@pytest.fixture
def off_by_a_month(table: SqliteTable, clocks: Clocks) -> SqliteTable:
    """A table with what expires in ten days; then the clock is set a month ahead."""
    table.write(Put({"PK": "A", "SK": "1", "ttl": int(time.time() + 10 * DAY)}))
    clocks.is_set(30 * DAY)
    return table


def test_show_prints_that_the_clocks_agree(named: Named) -> None:
    shown = run("clock", "show", *named)

    assert shown.exit_code == DONE
    assert "the file goes by the machine's clock" in shown.stdout
    found = run_json("clock", "show", *named)
    assert found["doubted"] is False
    assert found["machine"][:10] == found["file_time"][:10]


@pytest.mark.usefixtures("off_by_a_month")
def test_show_prints_both_times_of_a_clock_that_is_off(named: Named) -> None:
    found = run_json("clock", "show", *named)

    assert found["doubted"] is True
    assert found["machine"] == _utc(time.time())
    assert found["file_time"] == _utc(time.time() - 30 * DAY)
    shown = run("clock", "show", *named)
    assert "it has held for 0 of 60 minutes" in shown.stdout


def test_confirm_lets_what_is_due_expire(named: Named, off_by_a_month: SqliteTable) -> None:
    assert off_by_a_month.get(("A", "1")) is not None

    confirmed = run("clock", "confirm", *named)

    assert confirmed.exit_code == DONE
    assert "the file goes by the machine's clock; its time was" in confirmed.stdout
    assert SqliteTable(off_by_a_month.path).get(("A", "1")) is None


@pytest.mark.parametrize("command", ["show", "confirm"])
def test_a_table_on_dynamodb_has_no_time_of_its_own(named_on_server: Named, command: str) -> None:
    refused = run("clock", command, *named_on_server)

    assert refused.exit_code == USAGE
    assert "Only a file has a time of its own" in refused.stderr


@pytest.mark.parametrize("command", ["show", "confirm"])
def test_a_missing_file_is_named_and_not_made(tmp_path: Path, command: str) -> None:
    refused = run("clock", command, "--store-uri", f"dynamodb:///{tmp_path}/none.ddb")

    assert refused.exit_code == FAILED
    assert "none.ddb" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))
