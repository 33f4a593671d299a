"""Searching runs: what it costs, what it shows while things change, and how pages go on."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from dynamodbstore_events.keys import META, experiment_pk, experiments_listing, newest_first
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import EVERY, Delete, Item, Put, SortRange, Table, Update
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.core.lookup import Lookup
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.runs.search import SearchRuns

from tests.search.items import experiment, put_run, run_meta
from tests.search.projected import mark_built

LONG = "x" * 70_000
MOST = "".join(Random(1).choices([chr(code) for code in range(0x4E00, 0x9000)], k=200_000))


class LaggingTable(SqliteTable):
    """A table whose index still lists what has gone or changed, as DynamoDB's may for a moment."""

    gone: frozenset[str] = frozenset()

    def partitions(
        self,
        pks: Iterable[str],
        *,
        sk: SortRange = EVERY,
        consistent: bool = True,
        attributes: Sequence[str] | None = None,
    ) -> dict[str, list[Item]]:
        found = super().partitions(pks, sk=sk, consistent=consistent, attributes=attributes)
        return {pk: [] if pk in self.gone else items for pk, items in found.items()}


class Searching:
    """A store on a table with experiment 1, and the requests of its searches to DynamoDB."""

    def __init__(self, table: Table, *, metered: bool = True) -> None:
        self.table = table
        self.meter = Meter()
        counting = CountingTable(table, self.meter) if metered else table
        self._config = ConfigSource(counting)
        self._search = SearchRuns(counting, Lookup(counting, Scope()), self._config)
        self.add_experiment("1")
        self.read_config()

    def read_config(self) -> None:
        """Let searches know the configuration as it is now; they remember it for a while."""
        self._config.read()

    def built(self, *marks: str) -> None:
        """Let searches rely on these projections."""
        mark_built(self.table, *marks)
        self.read_config()

    def add_experiment(self, experiment_id: str, **changed: Any) -> None:
        state = experiment(experiment_id, **changed)
        names = ("name", "workspace", "artifact_location", "stage", "epoch", "created", "updated")
        self.table.write(
            Put(
                {
                    "PK": experiment_pk(experiment_id),
                    "SK": META,
                    **{name: getattr(state, name) for name in (*names, "run_shards")},
                    "gsi1pk": experiments_listing("default"),
                    "gsi1sk": newest_first(1, experiment_id),
                }
            )
        )

    def add_runs(self, number: int, **more: Any) -> None:
        """Runs r0000, r0001, … each started 1 ms after the one before."""
        for n in range(number):
            put_run(self.table, run_meta(f"r{n:04d}", n), metrics={"m": float(n)}, **more)

    def __call__(
        self,
        filter_string: str = "",
        order_by: list[str] | None = None,
        *,
        limit: int | None = 100,
        token: str | bytes | None = None,
        ids: Sequence[str] = ("1",),
        view: int = ViewType.ACTIVE_ONLY,
    ) -> tuple[list[Run], str | None]:
        self.meter.take()
        return self._search._search_runs(list(ids), filter_string, view, limit, order_by, token)

    def ids(self, *args: Any, **named: Any) -> list[str]:
        return [run.info.run_id for run in self(*args, **named)[0]]

    def pages(self, *args: Any, **named: Any) -> Iterator[list[str]]:
        token = None
        while True:
            runs, token = self(*args, token=token, **named)
            yield [run.info.run_id for run in runs]
            if token is None:
                return


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Searching]:
    table = LaggingTable(tmp_path / "table.ddb", durability="process")
    table.create()
    yield Searching(table)
    table.close()


def newest(number: int, of: int) -> list[str]:
    return [f"r{n:04d}" for n in range(of - 1, of - 1 - number, -1)]


# What it costs


def test_a_page_in_the_listings_order_reads_the_listing_once_and_each_run_once(
    search: Searching,
) -> None:
    search.add_runs(30)

    runs, _ = search(limit=10)

    assert [run.info.run_id for run in runs] == newest(10, of=30)
    # The experiment; the listing, and the ten runs' partitions.
    assert search.meter.take().requests == {"GetItem": 1, "Query": 1 + 10}


@pytest.mark.parametrize("order_by", [None, ["start_time ASC"], ["start_time DESC", "run_id DESC"]])
def test_the_last_page_costs_what_the_first_one_costs(
    search: Searching, order_by: list[str] | None
) -> None:
    search.add_runs(60)
    costs = []
    for _ in search.pages(order_by=order_by, limit=6):
        costs.append(search.meter.take())

    assert len(costs) == 10
    assert max(cost.total_requests for cost in costs) == costs[0].total_requests
    assert max(cost.read_units for cost in costs) <= costs[0].read_units


def test_a_filter_on_items_reads_just_those_items_in_one_batch(search: Searching) -> None:
    search.add_runs(40, params={"p": "x"}, tags={"t": "y"})

    assert len(search.ids("metrics.m >= 30 AND params.p = 'x' AND tags.t != 'z'", limit=5)) == 5

    # 41 candidates are a chunk: 3 items of each are two batches of keys.
    assert search.meter.take().requests == {"GetItem": 1, "Query": 1 + 5, "BatchGetItem": 2}


def test_a_rare_match_is_found_in_growing_chunks(search: Searching) -> None:
    search.add_runs(400)

    assert search.ids("metrics.m = 3", limit=1) == ["r0003"]

    usage = search.meter.take()
    assert usage.requests["BatchGetItem"] <= 6


def test_an_order_of_ones_own_reads_the_page_alone_whole(search: Searching) -> None:
    search.add_runs(50)

    assert search.ids(order_by=["metrics.m ASC"], limit=3) == ["r0000", "r0001", "r0002"]

    assert search.meter.take().requests == {"GetItem": 1, "Query": 1 + 3, "BatchGetItem": 1}


def test_runs_named_by_the_filter_are_read_by_key(search: Searching) -> None:
    search.add_runs(50)

    assert search.ids("run_id IN ('r0007', 'r0009', 'missing')") == ["r0009", "r0007"]

    assert search.meter.take().requests == {"GetItem": 1, "Query": 2, "BatchGetItem": 1}


def test_times_that_exclude_each_other_cost_nothing(search: Searching) -> None:
    search.add_runs(5)

    assert search.ids("start_time > 5 AND start_time < 5") == []

    assert search.meter.take().requests == {"GetItem": 1}


def test_no_experiment_is_no_result(search: Searching) -> None:
    assert search(ids=[]) == ([], None)
    assert search(ids=["4711"]) == ([], None)


def test_no_limit_reads_everything(search: Searching) -> None:
    search.add_runs(30)

    runs, token = search(limit=None)

    assert [run.info.run_id for run in runs] == newest(30, of=30)
    assert token is None


# Shards and experiments


def test_shards_and_experiments_are_one_listing(search: Searching) -> None:
    search.add_experiment("2", run_shards=3)
    for n in range(12):
        put_run(search.table, run_meta(f"r{n:04d}", n, "2", shard=n % 3))
    put_run(search.table, run_meta("other", 6, "1"))

    pages = list(search.pages(ids=["1", "2"], limit=5))

    # r0006 and "other" started together: ids ascend.
    in_order = [*newest(5, of=12), "other", "r0006", *newest(6, of=6)]
    assert [run_id for page in pages for run_id in page] == in_order


# Pages


def test_a_token_is_text_with_a_readable_offset(search: Searching) -> None:
    search.add_runs(5)

    _, token = search(limit=3)

    assert isinstance(token, str)
    content = json.loads(base64.b64decode(token))
    assert (content["offset"], content["cursor"]) == (3, [2, "r0002"])


def test_there_is_a_next_page_only_if_there_is_something_on_it(search: Searching) -> None:
    search.add_runs(6)

    assert list(search.pages(limit=3)) == [newest(3, of=6), newest(3, of=3)]


@pytest.mark.parametrize("order_by", [None, ["metrics.m DESC"]])
def test_a_bare_offset_skips_that_many(search: Searching, order_by: list[str] | None) -> None:
    search.add_runs(10)
    token = base64.b64encode(json.dumps({"offset": 7}).encode())

    assert search.ids(order_by=order_by, token=token) == ["r0002", "r0001", "r0000"]


def test_an_offset_beyond_the_end_is_an_empty_page(search: Searching) -> None:
    search.add_runs(3)
    token = base64.b64encode(json.dumps({"offset": 2**62}).encode())

    assert search(token=token) == ([], None)


@pytest.mark.parametrize(
    "changed",
    [
        {"filter_string": "metrics.m > 0"},
        {"order_by": ["run_id"]},
        {"view": ViewType.ALL},
        {"ids": ["1", "2"]},
    ],
)
def test_a_token_is_good_for_its_own_query_alone(
    search: Searching, changed: dict[str, Any]
) -> None:
    search.add_runs(3)
    _, token = search(limit=1)

    with pytest.raises(MlflowException, match="another query"):
        search(limit=1, token=token, **changed)


def test_a_token_survives_another_page_size(search: Searching) -> None:
    search.add_runs(5)
    _, token = search(limit=1)

    assert search.ids(limit=2, token=token) == ["r0003", "r0002"]


def test_pages_go_on_where_they_were_though_runs_are_added_and_removed(search: Searching) -> None:
    search.add_runs(6)
    _, token = search(limit=2)
    put_run(search.table, run_meta("new", 1000))
    search.table.write(Delete((run_meta("r0004")["PK"], META)))

    assert search.ids(limit=2, token=token) == ["r0003", "r0002"]


# What changes meanwhile


def test_a_run_that_has_gone_is_left_out_and_the_page_filled(search: Searching) -> None:
    search.add_runs(10)
    assert isinstance(search.table, LaggingTable)
    search.table.gone = frozenset({"RUN#r0008", "RUN#r0007"})

    assert list(search.pages(limit=3)) == [
        ["r0009", "r0006", "r0005"],
        ["r0004", "r0003", "r0002"],
        ["r0001", "r0000"],
    ]


def test_search_runs_decides_by_the_run_not_by_a_stale_listing(search: Searching) -> None:
    search.add_runs(3)
    table = search.table
    read_whole = table.partitions

    def changed_meanwhile(pks: Iterable[str], **named: Any) -> dict[str, list[Item]]:
        table.write(Update(("RUN#r0002", META), set={"stage": "deleted"}))
        table.write(Update(("RUN#r0001", META), set={"status": "FAILED"}))
        return read_whole(pks, **named)

    table.partitions = changed_meanwhile  # type: ignore[method-assign]

    assert search.ids("status = 'RUNNING'") == ["r0000"]


def test_a_deleted_experiment_deletes_its_runs_but_those_restored_since(
    search: Searching,
) -> None:
    search.add_experiment("2", stage="deleted", epoch=1)
    put_run(search.table, run_meta("with it", 1, "2"))
    put_run(search.table, run_meta("restored", 2, "2", epoch=1))

    assert search.ids(ids=["2"], view=ViewType.DELETED_ONLY) == ["with it"]
    assert search.ids(ids=["2"], view=ViewType.ACTIVE_ONLY) == ["restored"]
    assert search.ids(ids=["2"], view=ViewType.ALL) == ["restored", "with it"]


# Values


def test_long_texts_are_filtered_sorted_and_returned_whole(search: Searching) -> None:
    texts = {"plain": "b", "zipped": LONG, "parts": MOST}
    for number, (run_id, text) in enumerate(texts.items()):
        put_run(search.table, run_meta(run_id, number), params={"p": text}, tags={"t": text})

    assert search.ids(f"params.p LIKE '%{MOST[-9:]}'") == ["parts"]
    assert search.ids("params.p != 'b'") == ["parts", "zipped"]
    by_text = sorted(texts, key=lambda run_id: texts[run_id])
    assert search.ids(order_by=["tags.t ASC"]) == by_text
    found = {run.info.run_id: run.data for run in search()[0]}
    assert {run_id: data.params["p"] for run_id, data in found.items()} == texts
    assert {run_id: data.tags["t"] for run_id, data in found.items()} == texts


def test_values_come_first_then_nan_then_what_is_missing(search: Searching) -> None:
    values = {"one": 1.0, "two": 2.0, "less": -1.0}
    for run_id, value in values.items():
        put_run(search.table, run_meta(run_id), metrics={"m": value})
    put_run(search.table, run_meta("missing"))
    nan = run_meta("nan")
    put_run(search.table, nan, metrics={"m": 0.0})
    search.table.write(Update((nan["PK"], "METRIC#m"), set={"nan": True}))

    assert search.ids(order_by=["metrics.m ASC"]) == ["less", "one", "two", "nan", "missing"]
    assert search.ids(order_by=["metrics.m DESC"]) == ["two", "one", "less", "nan", "missing"]
    (found,) = (run for run in search()[0] if run.info.run_id == "nan")
    assert math.isnan(found.data.metrics["m"])


def test_a_null_tag_is_there_but_matches_nothing(search: Searching) -> None:
    put_run(search.table, run_meta("null"), tags={"t": None})
    put_run(search.table, run_meta("without"))

    assert search.ids("tags.t IS NOT NULL") == ["null"]
    assert search.ids("tags.t IS NULL") == ["without"]
    assert search.ids("tags.t != 'x'") == []


@pytest.mark.parametrize(
    ("filter_string", "matches"),
    [
        ("dataset.name = 'wine' AND dataset.context = 'eval'", True),
        ("dataset.name != 'wine'", True),
        ("dataset.name NOT IN ('wine', 'cars')", False),
        ("dataset.digest = '2'", False),
    ],
)
def test_each_dataset_clause_may_match_another_dataset(
    search: Searching, filter_string: str, matches: bool
) -> None:
    put_run(search.table, run_meta("run"), datasets={"wine": "train", "cars": "eval"})

    assert bool(search.ids(filter_string)) is matches
