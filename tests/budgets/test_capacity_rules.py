"""The computed capacity units are those that a DynamoDB-compatible server charges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, equals
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Check, Delete, Put, Table, Update
from dynamodbstore_table.testing.counting import CountingTable, Meter, Usage

from tests.budgets.metered import metered_table

_KB = 1024


def _put_new(table: Table, p: str) -> None:
    table.write(Put({"PK": p, "SK": "new", "text": "x" * 1500}))


def _put_listed(table: Table, p: str) -> None:
    table.write(
        Put({"PK": p, "SK": "new", "gsi1pk": f"{p} listing", "gsi1sk": "1", "text": "x" * 1500})
    )


def _put_smaller(table: Table, p: str) -> None:
    table.write(Put({"PK": p, "SK": "large"}))


def _move_in_listing(table: Table, p: str) -> None:
    table.write(Update((p, "listed"), set={"gsi1sk": "2"}))


def _change_listed(table: Table, p: str) -> None:
    table.write(Update((p, "listed"), set={"status": "done"}))


def _enter_lookup(table: Table, p: str) -> None:
    table.write(Update((p, "listed"), set={"gsi2pk": f"{p} deleted", "gsi2sk": "1"}))


def _leave_listing(table: Table, p: str) -> None:
    table.write(Delete((p, "listed")))


def _transaction(table: Table, p: str) -> None:
    table.write(
        Put({"PK": p, "SK": "a", "gsi1pk": f"{p} listing", "gsi1sk": "3"}),
        Put({"PK": p, "SK": "b", "text": "x" * 1500}),
        Check((p, "listed"), ITEM_EXISTS),
    )


def _batch(table: Table, p: str) -> None:
    table.bulk([Put({"PK": f"{p} batch", "SK": f"{i:03d}"}) for i in range(60)])


def _get(table: Table, p: str) -> None:
    table.get((p, "large"))


def _get_nothing(table: Table, p: str) -> None:
    table.get((p, "nothing"), consistent=False)


def _batch_get(table: Table, p: str) -> None:
    table.batch_get([(p, "large"), (p, "listed"), (p, "nothing")])


def _query_partition(table: Table, p: str) -> None:
    table.query(p)


def _query_listing(table: Table, p: str) -> None:
    table.query(f"{p} listing", index="GSI1")


def _query_nothing(table: Table, p: str) -> None:
    table.query("nothing", consistent=False)


def _query_filtered(table: Table, p: str) -> None:
    table.query("many", filter=equals("odd", 1), limit=10)


def _partitions(table: Table, p: str) -> None:
    table.partitions([p, "many", "nothing"])


OPERATIONS: list[Callable[[Table, str], None]] = [
    _put_new,
    _put_listed,
    _put_smaller,
    _move_in_listing,
    _change_listed,
    _enter_lookup,
    _leave_listing,
    _transaction,
    _batch,
    _get,
    _get_nothing,
    _batch_get,
    _query_partition,
    _query_listing,
    _query_nothing,
    _query_filtered,
    _partitions,
]


def _fill(table: Table, p: str) -> None:
    table.write(Put({"PK": p, "SK": "large", "text": "x" * 5 * _KB}))
    table.write(
        Put({"PK": p, "SK": "listed", "gsi1pk": f"{p} listing", "gsi1sk": "1", "status": "new"})
    )


@pytest.fixture(scope="module")
def tables(
    tmp_path_factory: pytest.TempPathFactory, dynoxide_endpoint: str
) -> Iterator[list[tuple[Table, Meter]]]:
    """A table whose usage is computed, and one on a server that reports it."""
    meter = Meter()
    file = tmp_path_factory.mktemp("computed") / "table.ddb"
    computed = CountingTable(SqliteTable(file, durability="process"), meter)
    served, served_meter = metered_table(dynoxide_endpoint)
    for table in (computed, served):
        table.create()
        table.bulk(
            [Put({"PK": "many", "SK": f"{i:03d}", "odd": i % 2, "t": "x" * 200}) for i in range(60)]
        )
    yield [(computed, meter), (served, served_meter)]
    for table in (computed, served):
        table.close()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.__name__.lstrip("_"))
def test_computed_usage_is_what_the_server_reports(
    operation: Callable[[Table, str], None], tables: list[tuple[Table, Meter]]
) -> None:
    """Given the same items in both, the same call makes the same requests and costs the same."""
    usages = []
    for table, meter in tables:
        _fill(table, operation.__name__)
        meter.take()

        operation(table, operation.__name__)

        usages.append(meter.take())
    computed, reported = usages
    assert computed == reported


def test_a_refused_write_costs_what_it_met(sqlite_table: SqliteTable) -> None:
    """DynamoDB charges a failed condition by the item that is there; its error doesn't show it."""
    meter = Meter()
    table = CountingTable(sqlite_table, meter)
    _fill(table, "p")
    meter.take()

    with pytest.raises(ConditionFailed):
        table.write(Put({"PK": "p", "SK": "large"}, ITEM_MISSING))

    assert meter.take() == Usage({"PutItem": 1}, write_units=6.0)
