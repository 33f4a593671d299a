"""Contract: many threads write one table, and nothing is lost or doubled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dynamodbstore_table.conditions import ITEM_MISSING, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Put, Table, Update
from dynamodbstore_table.testing.contract.base import Contract

THREADS = 8
ROUNDS = 12


class ConcurrencyContract(Contract):
    def test_one_of_many_claims_wins(self, table: Table) -> None:
        def claim(n: int) -> bool:
            try:
                table.write(Put({"PK": "NAME", "SK": "NAME", "by": n}, ITEM_MISSING))
            except ConditionFailed:
                return False
            return True

        with ThreadPoolExecutor(THREADS) as threads:
            won = list(threads.map(claim, range(THREADS)))

        assert won.count(True) == 1
        assert table.get(("NAME", "NAME")) == {"PK": "NAME", "SK": "NAME", "by": won.index(True)}

    def test_updates_of_one_item_all_count(self, table: Table) -> None:
        def add(_: int) -> None:
            table.write(Update(("a", "1"), add={"n": 1}))

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(add, range(THREADS * ROUNDS)))

        assert table.get(("a", "1")) == {"PK": "a", "SK": "1", "n": THREADS * ROUNDS}

    def test_transactions_of_the_same_items_all_count(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1", "n": 0}), Put({"PK": "b", "SK": "1", "n": 0}))

        def move(_: int) -> None:
            table.write(Update(("a", "1"), add={"n": -1}), Update(("b", "1"), add={"n": 1}))

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(move, range(THREADS * ROUNDS)))

        found = table.batch_get([("a", "1"), ("b", "1")])
        assert found["a", "1"]["n"] == -THREADS * ROUNDS
        assert found["b", "1"]["n"] == THREADS * ROUNDS

    def test_a_number_guards_against_lost_changes(self, table: Table) -> None:
        table.write(Put({"PK": "a", "SK": "1", "version": 0, "log": []}))

        def append(n: int) -> None:
            while True:
                found = table.get(("a", "1"))
                assert found is not None
                try:
                    table.write(
                        Update(
                            ("a", "1"),
                            add={"version": 1},
                            append={"log": [n]},
                            condition=equals("version", found["version"]),
                        )
                    )
                except ConditionFailed:
                    continue
                return

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(append, range(20)))

        found = table.get(("a", "1"))
        assert found is not None
        assert found["version"] == 20
        assert sorted(found["log"]) == list(range(20))
