"""A listing joined with other items holds what a reader of every item would have kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dynamodbstore_table.conditions import Compare, Condition, Exists, equals
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.joins import Having
from dynamodbstore_table.port import Item, Put, SortRange
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.table.test_sqlite_prefilter import CONDITIONS

PAST, FUTURE = 1, 2**40


def having(sk: str, condition: Condition) -> Having:
    return Having(sk, lambda item: condition.holds(item), condition)


def entity(n: int, gsi1sk: str = "", **more: object) -> Item:
    return {"PK": f"E#{n:04}", "SK": "META", "gsi1pk": "g", "gsi1sk": gsi1sk or f"{n:04}", **more}


def every(
    table: SqliteTable,
    wanted: list[Having],
    *,
    limit: int,
    filter: Condition | None = None,
    reverse: bool = False,
) -> Iterator[Item]:
    start = None
    while True:
        page = table.query_having(
            "g", wanted, limit=limit, filter=filter, reverse=reverse, start=start
        )
        assert len(page.items) <= limit
        yield from page.items
        if page.next is None:
            return
        start = page.next


def test_only_what_has_the_item_is_listed_and_brings_it(sqlite_table: SqliteTable) -> None:
    has = {"PK": "E#0001", "SK": "P#x", "v": "1", "raw": b"\0", "big": 2**70}
    sqlite_table.write(*map(Put, [*map(entity, range(3)), has]))
    sqlite_table.write(Put({"PK": "E#0002", "SK": "P#y", "v": "1"}))

    page = sqlite_table.query_having("g", [having("P#x", Exists("v"))], limit=5)

    assert page.items == [{**entity(1), "P#x": has}]
    assert page.next is None


def test_every_one_of_the_items_must_be_there_and_pass(sqlite_table: SqliteTable) -> None:
    for n in range(6):
        sqlite_table.write(
            Put(entity(n)),
            Put({"PK": f"E#{n:04}", "SK": "P#x", "v": str(n % 2)}),
            Put({"PK": f"E#{n:04}", "SK": "P#y", "n": n}),
        )

    wanted = [having("P#x", equals("v", "1")), having("P#y", Compare("n", ">", 1))]
    page = sqlite_table.query_having("g", wanted, limit=5, attributes=["PK"])

    assert [(item["PK"], item["P#x"]["v"], item["P#y"]["n"]) for item in page.items] == [
        ("E#0003", "1", 3),
        ("E#0005", "1", 5),
    ]
    assert set(page.items[0]) == {"PK", "P#x", "P#y"}


def test_what_has_expired_is_neither_listed_nor_joined(sqlite_table: SqliteTable) -> None:
    for n, (listed, joined) in enumerate([(FUTURE, FUTURE), (PAST, FUTURE), (FUTURE, PAST)]):
        sqlite_table.write(
            Put(entity(n, ttl=listed)),
            Put({"PK": f"E#{n:04}", "SK": "P#x", "ttl": joined}),
        )

    page = sqlite_table.query_having("g", [having("P#x", Exists("SK"))], limit=5)

    assert [item["PK"] for item in page.items] == ["E#0000"]


def test_a_range_of_the_listing_is_joined(sqlite_table: SqliteTable) -> None:
    for n in range(9):
        sqlite_table.write(Put(entity(n)), Put({"PK": f"E#{n:04}", "SK": "P#x"}))

    page = sqlite_table.query_having(
        "g", [having("P#x", Exists("SK"))], sk=SortRange("0003", "0005"), reverse=True, limit=2
    )

    assert [item["PK"] for item in page.items] == ["E#0005", "E#0004"]
    assert page.next is not None


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [1, 7, 64, 300])
def test_pages_follow_each_other_over_many_rows_and_ties(
    sqlite_table: SqliteTable, limit: int, reverse: bool
) -> None:
    items = [entity(n, f"{n // 100}") for n in range(400)]
    params = [{"PK": item["PK"], "SK": "P#x", "n": n} for n, item in enumerate(items)]
    sqlite_table.bulk(map(Put, (*items, *params)))

    # The condition is more than the test needs, so that Python has something to decide.
    odd = Having("P#x", lambda item: item["n"] % 9 == 4, Compare("n", ">=", 100))
    found = [item["P#x"]["n"] for item in every(sqlite_table, [odd], limit=limit, reverse=reverse)]

    expected = [n for n in range(100, 400) if n % 9 == 4]
    assert found == (expected[::-1] if reverse else expected)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    contents=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.none() | st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["a", 1])),
            st.none() | st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["a", 1])),
            st.sampled_from([None, PAST, FUTURE]),
        ),
        max_size=8,
    ),
    first=CONDITIONS,
    second=CONDITIONS,
    filter=st.none() | CONDITIONS,
    reverse=st.booleans(),
    limit=st.integers(1, 4),
)
def test_a_joined_listing_is_what_reading_everything_would_keep(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[tuple[str, Item | None, Item | None, int | None]],
    first: Condition,
    second: Condition,
    filter: Condition | None,
    reverse: bool,
    limit: int,
) -> None:
    table = SqliteTable(tmp_path_factory.mktemp("joins") / "table.ddb", durability="process")
    table.create()
    kept: list[Item] = []
    for n, (place, x, y, ttl) in enumerate(contents):
        listed = entity(n, place, x=place)
        expiry = {} if ttl is None else {"ttl": ttl}
        joined = {
            sk: {"PK": listed["PK"], "SK": sk, **content, **expiry}
            for sk, content in (("P#x", x), ("P#y", y))
            if content is not None
        }
        table.write(*map(Put, (listed, *joined.values())))
        if (
            len(joined) == 2
            and ttl != PAST
            and _without_key(first, joined["P#x"])
            and _without_key(second, joined["P#y"])
            and (filter is None or filter.holds(listed))
        ):
            kept.append({**listed, **joined})
    kept.sort(key=lambda item: (item["gsi1sk"], item["PK"]), reverse=reverse)
    wanted = [
        Having("P#x", lambda item: _without_key(first, item), first),
        Having("P#y", lambda item: _without_key(second, item)),
    ]

    found = list(every(table, wanted, limit=limit, filter=filter, reverse=reverse))
    table.close()

    assert found == kept


def _without_key(condition: Condition, item: Item) -> bool:
    return condition.holds({name: value for name, value in item.items() if name != "PK"})


def test_a_join_is_with_some_items_and_for_a_page(sqlite_table: SqliteTable) -> None:
    one = having("P#x", Exists("v"))

    with pytest.raises(InvalidOps, match="1 to 20"):
        sqlite_table.query_having("g", [], limit=1)
    with pytest.raises(InvalidOps, match="1 to 20"):
        sqlite_table.query_having("g", [one] * 21, limit=1)
    with pytest.raises(InvalidOps, match="at least 1"):
        sqlite_table.query_having("g", [one], limit=0)
