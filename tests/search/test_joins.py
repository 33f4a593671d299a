"""Searches of a file: clauses on items are decided while it lists, and mean what they always do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from dynamodbstore_events.keys import Key, metric_sk
from dynamodbstore_events.metric_values import encode_point, stored
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item
from dynamodbstore_table.testing.counting import CountingTable, Meter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities import LoggedModelParameter, LoggedModelTag, ViewType
from mlflow_dynamodbstore.search.clause import Clause, Field
from mlflow_dynamodbstore.search.comparisons import metric_predicate
from mlflow_dynamodbstore.search.joins import MOST_JOINED, having
from mlflow_dynamodbstore.search.values import Place

from tests.search.items import put_run, run_meta
from tests.search.plans import decided, listed, plan
from tests.search.test_run_search import LONG, MOST, Searching
from tests.tracking.stores import store_on

FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1.5, 1e308, 1.7976931348623157e308])
COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")
LONG_KEY = "key " * 60
PARAMS = (None, "1", "2", "a", "ab", 'a"b', "a\0b", "é", "", LONG, MOST)
KEYS = ("p", "a b/c#%", LONG_KEY)
CLAUSES = (
    *(f"params.`{key}` {test}" for key in KEYS for test in ("= '1'", "!= 'a'", "LIKE 'a%'")),
    *(
        "params.p LIKE 'x%'",
        f"params.p LIKE '{MOST[0]}%'",
        "params.p LIKE 'a'",
        "params.p LIKE '%b'",
        "params.p ILIKE '%B%'",
        "params.p = ''",
    ),
    *("params.p IS NULL", "params.p IS NOT NULL", f"params.p LIKE '%{MOST[-9:]}'"),
    *("tags.t = 'a'", "tags.t IS NULL", "tags.t != '1'", "tags.t LIKE '%é%'"),
    *("metrics.m > 1", "metrics.m != 1", "metrics.m <= 0", "metrics.m < 2", "metrics.none = 1"),
    *("status = 'FINISHED'", "start_time > 20", "user_id ILIKE 'ADA'"),
)
ORDERS = (None, ["start_time ASC"], ["metrics.m DESC"], ["params.p", "start_time"])


class ReadingTable(SqliteTable):
    """A table that remembers the keys that were read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, durability="process")
        self.read_keys: list[Key] = []

    def batch_get(
        self,
        keys: Iterable[Key],
        *,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[Key, Item]:
        wanted = list(keys)
        self.read_keys += wanted
        return super().batch_get(wanted, consistent=consistent, attributes=attributes)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ReadingTable]:
    made = ReadingTable(tmp_path / "table.ddb")
    made.create()
    yield made
    made.close()


@pytest.fixture
def search(table: ReadingTable) -> Searching:
    return Searching(table, metered=False)


def test_a_plan_says_what_is_joined_and_what_is_read() -> None:
    planned = plan("params.p = 'x' AND metrics.m > 1 AND tags.t IS NULL", joins=True)

    made = "\n".join(planned.lines())

    assert "from items PARAM#p, METRIC#m, joined to the listing: params.p = 'x'; metrics.m" in made
    assert "from items TAG#t, read of each candidate: tags.t IS NULL" in made


def test_a_remote_table_is_not_asked_to_join() -> None:
    made = plan("params.p = 'x'", joins=False)

    assert decided(made, Place.JOINED) == []
    assert [listing.having for listing in listed(made).listings] == [()]
    assert "from items PARAM#p, read of each candidate: params.p = 'x'" in "\n".join(made.lines())


def test_clauses_on_one_item_are_one_join() -> None:
    made = plan("metrics.m > 1 AND params.p LIKE 'a%' AND metrics.m < 2", joins=True)

    assert [one.sk for one in listed(made).listings[0].having] == ["METRIC#m", "PARAM#p"]


def test_a_listing_is_joined_with_a_few_items_and_others_are_read() -> None:
    made = plan(" AND ".join(f"params.p{n} = 'x'" for n in range(MOST_JOINED + 3)), joins=True)

    assert len(decided(made, Place.JOINED)) == MOST_JOINED
    assert f"from items PARAM#p{MOST_JOINED}, PARAM#p" in "\n".join(made.lines())


def test_runs_that_lack_the_item_or_the_value_are_not_asked_for_it(
    table: ReadingTable, search: Searching
) -> None:
    for n in range(200):
        rare = {"rare": "1"} if n == 77 else {}
        put_run(table, run_meta(f"r{n:04d}", n), params=rare, metrics={"m": n / 100})

    assert search.ids("params.rare = '1'") == ["r0077"]
    assert search.ids("metrics.m < 0.01 AND params.rare IS NULL") == ["r0000"]
    assert search.ids("params.rare = '1' AND metrics.m > 5") == []

    assert [key for key in table.read_keys if key[1] != "META"] == [("RUN#r0000", "PARAM#rare")]


@given(
    value=FLOATS,
    comparator=st.sampled_from(COMPARATORS),
    bound=st.floats(allow_nan=False) | st.sampled_from([0, -0.0, 1]),
)
def test_a_metric_is_compared_by_its_bytes_as_by_its_value(
    value: float, comparator: str, bound: float
) -> None:
    number, is_nan = stored(value)
    item: Item = {"SK": metric_sk("m"), "last": encode_point(3, 2, number)}
    if is_nan:
        item["nan"] = True
    test = metric_predicate(comparator, float(bound))
    clause = Clause(Field("metrics", "m"), comparator, float(bound), test)

    (joined,) = having([(metric_sk("m"), clause)])

    assert joined.test(item) is test(value)


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteTable]:
    """Runs with values of every shape, in two experiments, one of them in three shards."""
    made = SqliteTable(tmp_path_factory.mktemp("joins") / "table.ddb", durability="process")
    made.create()
    Searching(made).add_experiment("2", run_shards=3)
    chance = Random(5)
    for n in range(150):
        meta = run_meta(
            f"r{n:04d}",
            n // 3,
            "12"[n % 2],
            shard=n % 3 if n % 2 else 0,
            status=("RUNNING", "FINISHED")[n % 2],
            user_id=("ada", "bob")[n % 5 == 0],
            stage="deleted" if n % 7 == 0 else "active",
        )
        values = chance.choices(PARAMS[:-1], k=4) if n % 50 else [MOST, None, None, LONG]
        put_run(
            made,
            meta,
            params={key: v for key, v in zip(KEYS, values, strict=False) if chance.random() < 0.7},
            tags={"t": values[3]} if n % 4 else {},
            metrics={"m": chance.choice([0.0, 1.0, 1.5, -2.0, float("nan"), float("inf")])}
            if n % 6
            else {},
        )
    yield made
    made.close()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    filters=st.lists(st.sampled_from(CLAUSES), min_size=1, max_size=3),
    order_by=st.sampled_from(ORDERS),
    limit=st.sampled_from([3, 20, 100]),
    view=st.sampled_from([ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL]),
)
def test_a_joined_search_finds_what_reading_every_item_finds(
    populated: SqliteTable,
    filters: list[str],
    order_by: list[str] | None,
    limit: int,
    view: int,
) -> None:
    joining, reading = Searching(populated, metered=False), Searching(populated)

    found, expected = (
        list(side.pages(" AND ".join(filters), order_by, ids=["1", "2"], limit=limit, view=view))
        for side in (joining, reading)
    )

    assert found == expected


def test_every_clause_finds_something_and_leaves_something(populated: SqliteTable) -> None:
    search = Searching(populated, metered=False)
    found = {clause: len(search.ids(clause, ids=["1", "2"])) for clause in CLAUSES}
    everything = len(search.ids(ids=["1", "2"], limit=1000))

    assert [clause for clause, number in found.items() if number == everything] == []
    assert [clause for clause, number in found.items() if number == 0] == ["metrics.none = 1"]


@pytest.mark.parametrize(
    "filter_string",
    [
        "tags.rare = 'y'",
        "params.p = '7'",
        "params.p LIKE '1%' AND tags.t = '1'",
        "params.p != '3' AND params.p != '4'",
        "params.long LIKE '%x'",
        f"tags.`{LONG_KEY}` = 'x'",
    ],
    ids=["rare tag", "param", "two", "one twice", "long value", "long key"],
)
def test_logged_models_are_found_by_joins_as_by_reads(
    table: ReadingTable, filter_string: str, tmp_path: Path
) -> None:
    counting = CountingTable(table, Meter())
    joining, reading = store_on(table, tmp_path), store_on(counting, tmp_path)
    experiment_id = joining.create_experiment("models")
    for n in range(25):
        long = {"long": "é" * 5_999 + "xy"[n % 2]} if n % 4 == 0 or n == 3 else {}
        joining.create_logged_model(
            experiment_id,
            f"m{n}",
            tags=[
                LoggedModelTag("t", str(n % 3)),
                *([LoggedModelTag("rare", "y"), LoggedModelTag(LONG_KEY, "x")] if n == 5 else []),
            ],
            params=[
                LoggedModelParameter(key, value) for key, value in {"p": str(n), **long}.items()
            ],
        )

    found, expected = (
        [model.model_id for model in side.search_logged_models([experiment_id], filter_string)]
        for side in (joining, reading)
    )

    assert found == expected != []
