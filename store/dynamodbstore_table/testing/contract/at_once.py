"""Contract: several queries, and several reading calls, at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from dynamodbstore_table.conditions import Compare
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Put, Query, Table, begins_with
from dynamodbstore_table.testing.contract.base import Contract, numbered, sort_keys


class AtOnceContract(Contract):
    def test_queries_answers_each_query_in_their_order(self, shared: Table) -> None:
        for pk in ("once-a", "once-b", "once-c"):
            shared.bulk(map(Put, numbered(pk, 12)))

        first, reverse, filtered, missing, range_ = shared.queries(
            [
                Query("once-b", limit=2),
                Query("once-a", reverse=True, limit=1),
                Query("once-c", filter=Compare("n", ">", 9), attributes=["SK"]),
                Query("once-none"),
                Query("once-a", sk=begins_with("0001")),
            ]
        )

        assert sort_keys(first.items) == ["00000", "00001"]
        assert first.next is not None
        assert sort_keys(reverse.items) == ["00011"]
        assert filtered.items == [{"SK": "00010"}, {"SK": "00011"}]
        assert (missing.items, missing.next) == ([], None)
        assert sort_keys(range_.items) == ["00010", "00011"]

    def test_queries_goes_on_behind_a_page(self, shared: Table) -> None:
        shared.bulk(map(Put, numbered("once-on", 5)))

        (page,) = shared.queries([Query("once-on", limit=3)])
        (rest,) = shared.queries([Query("once-on", start=page.next)])

        assert sort_keys(page.items + rest.items) == [f"{n:05}" for n in range(5)]

    def test_queries_of_none_is_nothing(self, shared: Table) -> None:
        assert shared.queries([]) == []

    def test_at_once_returns_the_results_in_the_order_of_the_calls(self, shared: Table) -> None:
        shared.bulk(Put({"PK": "once-call", "SK": f"{n:02}", "n": n}) for n in range(40))

        found = shared.at_once([partial(shared.get, ("once-call", f"{n:02}")) for n in range(40)])

        assert [item and item["n"] for item in found] == list(range(40))

    def test_at_once_makes_calls_within_calls(self, shared: Table) -> None:
        shared.bulk(map(Put, numbered("once-deep", 150)))
        keys = [("once-deep", f"{n:05}") for n in range(150)]

        def read(depth: int) -> int:
            if depth == 0:
                return len(shared.batch_get(keys)) + len(shared.partitions(["once-deep", "no"]))
            return sum(shared.at_once([partial(read, depth - 1)] * 2))

        # More calls than any engine has threads for.
        assert shared.at_once([partial(read, 2)] * 30) == [4 * 152] * 30

    def test_at_once_raises_the_first_error_when_all_have_ended(self, shared: Table) -> None:
        shared.bulk(map(Put, numbered("once-bad", 1)))
        calls: list[Callable[[], object]] = [
            partial(shared.get, ("once-bad", "00000")),
            partial(_fail, "first"),
            partial(_fail, "second"),
        ]

        with pytest.raises(InvalidOps, match="first"):
            shared.at_once(calls)


def _fail(message: str) -> None:
    raise InvalidOps(message)
