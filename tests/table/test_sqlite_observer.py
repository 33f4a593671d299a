"""The observer of the embedded engine works within the transaction of the observed write."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed, TableUnavailable
from dynamodbstore_table.port import Check, Delete, Item, Observer, Put, Table, Update

RUN = {"PK": "RUN", "SK": "1", "name": "first"}
COPY = {"PK": "COPY", "SK": "1"}

NewTable = Callable[[Observer], SqliteTable]


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[NewTable]:
    """Makes a table with an observer."""
    made: list[SqliteTable] = []

    def new(observer: Observer) -> SqliteTable:
        table = SqliteTable(tmp_path / "table.ddb", observer=observer)
        table.create()
        made.append(table)
        return table

    yield new
    for table in made:
        table.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[SqliteTable]:
    """The same file, opened a second time."""
    table = SqliteTable(tmp_path / "table.ddb")
    yield table
    table.close()


def test_observer_receives_what_changed_with_the_old_images(observed: NewTable) -> None:
    seen: list[list[ChangeEvent]] = []
    table = observed(lambda _, events: seen.append(list(events)))
    table.write(Put(RUN))

    returned = table.write(
        Update(("RUN", "1"), set={"name": "second"}),
        Delete(("RUN", "none")),
        Check(("RUN", "other"), ITEM_MISSING),
    )

    assert seen == [[ChangeEvent("RUN", "1")], [ChangeEvent("RUN", "1", old=RUN)]]
    assert returned == seen[1]
    assert table.write(Delete(("RUN", "1"))) == [
        ChangeEvent("RUN", "1", old={**RUN, "name": "second"}, removed=True)
    ]


def test_writes_of_the_observer_are_seen_together_with_the_write(
    observed: NewTable, elsewhere: SqliteTable
) -> None:
    # Given an observer that looks, and writes a copy
    seen: dict[str, Sequence[Item | None]] = {}

    def copy(table: Table, events: Sequence[ChangeEvent]) -> None:
        table.write(Put(COPY))
        seen["within"] = [table.get(("RUN", "1")), table.get(("COPY", "1"))]
        seen["listed"] = table.query("COPY").items + table.partitions(["RUN"])["RUN"]
        seen["elsewhere"] = [elsewhere.get(("RUN", "1")), elsewhere.get(("COPY", "1"))]

    table = observed(copy)

    # When a write is done
    table.write(Put(RUN))

    # Then it saw both within the transaction, others saw neither before and both after
    assert seen["within"] == [RUN, COPY]
    assert seen["listed"] == [COPY, RUN]
    assert seen["elsewhere"] == [None, None]
    assert elsewhere.get(("RUN", "1")) == RUN
    assert elsewhere.get(("COPY", "1")) == COPY


def test_failure_of_the_observer_undoes_the_write_and_its_own_writes(observed: NewTable) -> None:
    def fail(table: Table, events: Sequence[ChangeEvent]) -> None:
        table.write(Put(COPY))
        table.bulk([Put({"PK": "BULK", "SK": str(n)}) for n in range(10)])
        raise LookupError("no such projection")

    table = observed(fail)

    with pytest.raises(LookupError, match="no such projection"):
        table.write(Put(RUN))
    assert table.scan().items == []


def test_the_table_goes_on_after_its_failure(observed: NewTable) -> None:
    def fail_on_runs(table: Table, events: Sequence[ChangeEvent]) -> None:
        if events[0].pk == "RUN":
            raise LookupError

    table = observed(fail_on_runs)
    with pytest.raises(LookupError):
        table.write(Put(RUN))

    table.write(Put(COPY))

    assert table.scan().items == [COPY]


def test_observer_does_not_receive_its_own_writes(observed: NewTable) -> None:
    seen: list[str] = []

    def write_on(table: Table, events: Sequence[ChangeEvent]) -> None:
        seen.extend(event.pk for event in events)
        table.write(Put(COPY))
        table.bulk([Put({"PK": "BULK", "SK": "1"})])
        table.sweep_expired()

    table = observed(write_on)

    table.write(Put(RUN))

    assert seen == ["RUN"]


def test_a_condition_that_fails_within_may_be_handled(observed: NewTable) -> None:
    met: list[object] = []

    def try_it(table: Table, events: Sequence[ChangeEvent]) -> None:
        try:
            table.write(Put(COPY), Put({**RUN, "name": "other"}, ITEM_MISSING))
        except ConditionFailed as failed:
            met.append(failed.failures)

    table = observed(try_it)

    table.write(Put(RUN))

    assert met == [{1: RUN}]
    assert table.scan().items == [RUN]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writing behind this many bytes of a file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_within_undoes_the_write_even_if_it_is_swallowed(observed: NewTable) -> None:
    # Given an observer that runs into a full disk, and tries to go on
    errors: list[TableUnavailable] = []

    def swallow(table: Table, events: Sequence[ChangeEvent]) -> None:
        large = (Put({"PK": "BULK", "SK": f"{n:03}", "blob": bytes(300_000)}) for n in range(100))
        with files_of_at_most(2_000_000), pytest.raises(TableUnavailable) as full:
            table.bulk(large)
        errors.append(full.value)
        with pytest.raises(TableUnavailable):
            table.write(Put(COPY))

    table = observed(swallow)

    # When the write is done
    with pytest.raises(TableUnavailable, match="failed half-way"):
        table.write(Put(RUN))

    # Then it fails, and nothing of all that is there
    assert len(errors) == 1
    assert table.scan().items == []


def test_a_full_disk_at_the_end_of_a_write_undoes_it(observed: NewTable) -> None:
    def copy(table: Table, events: Sequence[ChangeEvent]) -> None:
        table.write(Put(COPY))

    table = observed(copy)
    large = {"PK": "RUN", "SK": "1", "blob": bytes(300_000)}

    with files_of_at_most(200_000), pytest.raises(TableUnavailable):
        table.write(Put(large))

    assert table.scan().items == []
    table.write(Put(RUN))
    assert table.scan().items == [COPY, RUN]


def test_observer_does_not_receive_a_write_that_fails(observed: NewTable) -> None:
    seen: list[object] = []
    table = observed(lambda _, events: seen.append(events))

    with pytest.raises(ConditionFailed):
        table.write(Update(("RUN", "1"), set={"a": 1}, condition=ITEM_EXISTS))
    table.write(Delete(("RUN", "1")))
    table.write(Check(("RUN", "1"), ITEM_MISSING))

    assert seen == []


def test_observer_receives_bulks_and_what_expires(observed: NewTable) -> None:
    seen: list[ChangeEvent] = []
    table = observed(lambda _, events: seen.extend(events))
    old = {"PK": "OLD", "SK": "1", "ttl": 1}

    table.bulk([Put(RUN), Put(old)])
    swept = table.sweep_expired()

    assert seen[:2] == [ChangeEvent("RUN", "1"), ChangeEvent("OLD", "1")]
    assert seen[2:] == swept == [ChangeEvent("OLD", "1", old=old, removed=True, expired=True)]
    assert table.sweep_expired() == []


def test_a_sweep_that_is_limited_takes_what_expired_first(observed: NewTable) -> None:
    table = observed(lambda _, events: None)
    table.bulk(Put({"PK": "OLD", "SK": f"{ttl}", "ttl": ttl}) for ttl in (3, 1, 2))

    swept = [[event.sk for event in table.sweep_expired(2)] for _ in range(3)]

    assert swept == [["1", "2"], ["3"], []]


def test_a_failure_keeps_what_was_to_expire(observed: NewTable) -> None:
    def fail_on_removal(table: Table, events: Sequence[ChangeEvent]) -> None:
        if events[0].removed:
            raise LookupError

    table = observed(fail_on_removal)
    table.write(Put({"PK": "OLD", "SK": "1", "ttl": 1}))

    for _ in range(2):
        with pytest.raises(LookupError):
            table.sweep_expired()
