"""The time by which an embedded file goes, while the machine's clock leaps."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dynamodbstore_table.conditions import ITEM_EXISTS
from dynamodbstore_table.embedded import clock
from dynamodbstore_table.embedded.clock import ClockState
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Check, Put, Update

from tests.table.clocks import DAY, HOUR, MINUTE, Clocks, clocks

__all__ = ["clocks"]

KEY = ("A", "1")


@pytest.fixture
def doubts() -> list[ClockState]:
    """What the tables of ``opened`` reported of the clock."""
    return []


@pytest.fixture
def opened(tmp_path: Path, doubts: list[ClockState]) -> Iterator[Callable[[], SqliteTable]]:
    """Opens the file once more, as another process does."""
    path = tmp_path / "table.ddb"
    SqliteTable(path).create()
    tables: list[SqliteTable] = []

    def open_table() -> SqliteTable:
        tables.append(SqliteTable(path, on_doubt=doubts.append))
        return tables[-1]

    yield open_table
    for table in tables:
        table.close()


@pytest.fixture
def table(clocks: Clocks, opened: Callable[[], SqliteTable]) -> SqliteTable:
    """A table that has been in use."""
    table = opened()
    table.write(Put({"PK": "B", "SK": "1"}))
    return table


def expiring(days: float) -> Put:
    """An item that expires in ``days`` days."""
    return Put({"PK": KEY[0], "SK": KEY[1], "ttl": int(time.time() + days * DAY)})


def runs_for(clocks: Clocks, table: SqliteTable, seconds: float) -> None:
    """A process runs, and uses the table each minute."""
    for _ in range(int(seconds / MINUTE) + 1):
        clocks.passes(MINUTE)
        table.write(Put({"PK": "B", "SK": "1"}))


def is_there(table: SqliteTable) -> bool:
    """Whether the item is, in reads, in conditions and for the sweeper alike."""
    found = table.get(KEY) is not None
    assert bool(table.query(KEY[0]).items) == found
    assert bool(table.partitions([KEY[0], "C"])[KEY[0]]) == found
    assert bool(table.batch_get([KEY, ("C", "1")])) == found
    assert any(item["PK"] == KEY[0] for item in table.scan().items) == found
    if found:
        table.write(Check(KEY, ITEM_EXISTS))
        assert table.sweep_expired() == []
    return found


def test_now_is_the_machines_time_while_it_is_at_most_a_day_off(
    table: SqliteTable, clocks: Clocks, doubts: list[ClockState]
) -> None:
    for seconds in (0.0, HOUR, -HOUR, 0.9 * DAY, -0.9 * DAY):
        clocks.is_set(seconds)
        assert table.now() == pytest.approx(time.time(), abs=1)
    assert doubts == []


@pytest.mark.parametrize("in_another_process", [False, True])
def test_a_clock_400_days_ahead_lets_nothing_expire(
    table: SqliteTable,
    clocks: Clocks,
    opened: Callable[[], SqliteTable],
    in_another_process: bool,
) -> None:
    table.write(expiring(90))
    agreed = time.time()

    clocks.is_set(400 * DAY)
    used = opened() if in_another_process else table

    assert is_there(used)
    assert used.now() == pytest.approx(agreed, abs=5)
    clocks.is_set(-400 * DAY)
    assert is_there(table)


@pytest.mark.parametrize("in_another_process", [False, True])
def test_a_clock_400_days_back_brings_nothing_back(
    table: SqliteTable,
    clocks: Clocks,
    opened: Callable[[], SqliteTable],
    in_another_process: bool,
) -> None:
    table.write(Put({"PK": KEY[0], "SK": KEY[1], "ttl": int(time.time()) - 10}))
    agreed = time.time()

    clocks.is_set(-400 * DAY)
    used = opened() if in_another_process else table

    assert not is_there(used)
    assert used.now() == pytest.approx(agreed, abs=5)


def test_what_is_due_goes_an_hour_after_a_month_of_sleep(
    table: SqliteTable, clocks: Clocks
) -> None:
    table.write(expiring(10))

    clocks.is_set(30 * DAY)

    assert is_there(table)
    runs_for(clocks, table, HOUR - 5 * MINUTE)
    assert is_there(table)
    runs_for(clocks, table, 10 * MINUTE)
    assert not is_there(table)
    assert [(event.pk, event.sk) for event in table.sweep_expired()] == [KEY]
    assert table.now() == pytest.approx(time.time(), abs=1)


def test_the_hour_may_be_of_several_processes(
    table: SqliteTable, clocks: Clocks, opened: Callable[[], SqliteTable]
) -> None:
    table.write(expiring(10))
    clocks.is_set(30 * DAY)

    # Given scripts that run for twenty minutes each, with pauses
    for _ in range(3):
        script = opened()
        assert is_there(script)
        runs_for(clocks, script, 20 * MINUTE)
        script.close()
        clocks.passes(10 * MINUTE)

    assert not is_there(opened())


def test_a_clock_that_is_put_right_within_the_hour_never_counted(
    table: SqliteTable, clocks: Clocks
) -> None:
    table.write(expiring(10))
    for _ in range(3):
        clocks.is_set(30 * DAY)
        runs_for(clocks, table, 50 * MINUTE)
        assert is_there(table)
        clocks.is_set(-30 * DAY)
        runs_for(clocks, table, 5 * MINUTE)
        assert is_there(table)


def test_a_clock_counts_anew_when_it_leaps_again(table: SqliteTable, clocks: Clocks) -> None:
    table.write(expiring(100))
    clocks.is_set(30 * DAY)
    runs_for(clocks, table, 50 * MINUTE)

    clocks.is_set(370 * DAY)
    runs_for(clocks, table, 50 * MINUTE)

    assert is_there(table)


def test_a_clock_does_not_count_beside_another_that_agrees_with_the_file(
    table: SqliteTable, clocks: Clocks, opened: Callable[[], SqliteTable]
) -> None:
    # Given two processes, of which one has a clock of its own, far ahead
    table.write(expiring(90))
    wrong = opened()
    for _ in range(180):
        clocks.passes(MINUTE)
        table.write(Put({"PK": "B", "SK": "1"}))
        clocks.is_set(400 * DAY)
        wrong.write(Put({"PK": "C", "SK": "1"}))
        assert wrong.get(KEY) is not None
        clocks.is_set(-400 * DAY)

    assert is_there(table)


def test_confirm_clock_lets_the_machines_time_count_at_once(
    table: SqliteTable, clocks: Clocks, opened: Callable[[], SqliteTable]
) -> None:
    table.write(expiring(10))
    clocks.is_set(30 * DAY)
    assert is_there(table)

    opened().confirm_clock()

    # For processes that have the file open, within a minute
    clocks.passes(MINUTE + 1)
    assert not is_there(table)
    assert not is_there(opened())


def test_a_doubt_is_reported_once_with_both_times(
    table: SqliteTable, clocks: Clocks, doubts: list[ClockState]
) -> None:
    agreed = time.time()
    clocks.is_set(400 * DAY)

    runs_for(clocks, table, 30 * MINUTE)

    (doubt,) = doubts
    assert doubt.path == table.path
    assert doubt.file == pytest.approx(agreed, abs=2 * MINUTE)
    assert doubt.machine == pytest.approx(agreed + 400 * DAY, abs=2 * MINUTE)
    assert doubt.doubted


@pytest.mark.parametrize(("expires", "reports"), [(False, 0), (True, 1)])
def test_a_weekends_sleep_is_reported_where_something_expires(
    clocks: Clocks,
    opened: Callable[[], SqliteTable],
    doubts: list[ClockState],
    expires: bool,
    reports: int,
) -> None:
    table = opened()
    table.write(expiring(90) if expires else Put({"PK": "A", "SK": "1"}))
    clocks.is_set(2.5 * DAY)

    assert opened().get(KEY) is not None

    assert len(doubts) == reports


def test_a_file_that_nobody_used_for_days_goes_by_what_passed(
    table: SqliteTable,
    clocks: Clocks,
    opened: Callable[[], SqliteTable],
    doubts: list[ClockState],
) -> None:
    table.write(expiring(2))
    table.close()

    clocks.passes(3 * DAY)

    assert not is_there(opened())
    assert doubts == []


def test_what_passed_on_another_machine_is_not_known(
    table: SqliteTable,
    clocks: Clocks,
    opened: Callable[[], SqliteTable],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table.write(expiring(2))
    table.close()

    clocks.passes(3 * DAY)
    monkeypatch.setattr(clock, "_boot", lambda: "another start")

    assert is_there(opened())


def test_a_file_without_a_time_goes_by_when_it_was_last_written(
    table: SqliteTable, clocks: Clocks, opened: Callable[[], SqliteTable]
) -> None:
    # Given a file of a version that kept none
    table.write(expiring(90))
    table.close()
    with closing(sqlite3.connect(table.path)) as other:
        other.execute("DROP TABLE clock")

    # When it is opened with a clock that is far ahead, and with one that is right
    clocks.is_set(400 * DAY)
    wrong = opened()
    assert is_there(wrong)
    wrong.write(Update(KEY, add={"n": 1}))
    wrong.close()
    clocks.is_set(-400 * DAY)
    right = opened()

    # Then it goes by its own time, which it has from now on
    assert is_there(right)
    assert right.now() == pytest.approx(time.time(), abs=1)
    with closing(sqlite3.connect(table.path)) as other:
        (agreed,) = other.execute("SELECT agreed FROM clock").fetchone()
    assert agreed == pytest.approx(time.time(), abs=30)


def test_the_time_is_written_down_at_most_once_a_minute(table: SqliteTable, clocks: Clocks) -> None:
    def kept() -> float:
        with closing(sqlite3.connect(table.path)) as other:
            agreed: float = other.execute("SELECT agreed FROM clock").fetchone()[0]
            return agreed

    at_first = kept()
    for _ in range(5):
        clocks.passes(10)
        table.write(Put({"PK": "B", "SK": "1"}))
    assert kept() == at_first

    clocks.passes(11)
    table.write(Put({"PK": "B", "SK": "1"}))
    assert kept() == pytest.approx(at_first + 61, abs=2)


def test_now_is_the_time_of_the_file_that_took_the_place(
    table: SqliteTable, clocks: Clocks, tmp_path: Path
) -> None:
    # Given a file whose time is agreed a year ahead, replaced by one of today
    other = SqliteTable(tmp_path / "other.ddb")
    other.create()
    other.close()
    today = time.time()
    clocks.is_set(365 * DAY)
    table.confirm_clock()
    assert table.now() == pytest.approx(today + 365 * DAY, abs=5)
    for path in tmp_path.glob("table.ddb*"):
        path.unlink()
    other.path.rename(table.path)

    with pytest.raises(Exception, match="another file"):
        table.write(Put({"PK": "B", "SK": "1"}))

    assert table.now() == pytest.approx(today, abs=5)
