"""Slow calls of a store are logged, with their time and number of requests; at no cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from dynamodbstore_table.dynamodb.client import Request
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.errors import TableUnavailable
from mlflow.entities import Metric, RunStatus, ViewType
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore import slow_calls
from mlflow_dynamodbstore.stores.assemble import assembled, by_class, called_on
from mlflow_dynamodbstore.stores.build_tracking import build_tracking_store
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.conftest import new_table_name
from tests.logs.conftest import Events
from tests.tracking.stores import embedded_store, new_run, store_on

SLOW_S = 0.01


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """What is watched for is a matter of the process: afterwards it is as it was."""
    before = slow_calls.LIMIT.seconds
    slow_calls.watch(int(SLOW_S * 1000))
    yield
    slow_calls.LIMIT.seconds = before


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as found:
        yield found


class _Base:
    """The abstract class of a store."""

    def outer(self) -> None: ...

    def inner(self) -> None: ...

    def fails(self) -> None: ...


class _Slow:
    """A part whose methods take long."""

    def inner(self) -> None:
        time.sleep(SLOW_S)

    def fails(self) -> None:
        time.sleep(SLOW_S)
        raise TableUnavailable("gone")


class _Outer:
    """A part that calls another store's method."""

    def __init__(self, inner: Callable[[], None]) -> None:
        self._inner = inner

    def outer(self) -> None:
        self._inner()


@assembled(_Base, (_Slow, _Outer))
class _Store(_Base):
    def __init__(self) -> None:
        self._table = None
        self._parts = by_class(_Slow(), _Outer(self.inner))


def test_a_slow_call_is_logged_with_its_name_and_time(events: Events) -> None:
    _Store().inner()

    (event,) = events("slow_operation")
    assert event["operation"] == "inner"
    assert event["ms"] >= SLOW_S * 1000


def test_the_outer_one_of_nested_slow_calls_is_logged(events: Events) -> None:
    _Store().outer()

    assert [event["operation"] for event in events("slow_operation")] == ["outer"]


def test_a_slow_call_that_fails_is_logged(events: Events) -> None:
    with pytest.raises(MlflowException, match="gone"):
        _Store().fails()

    assert [event["operation"] for event in events("slow_operation")] == ["fails"]


def test_a_quick_call_is_not_logged(events: Events, store: DynamoTrackingStore) -> None:
    slow_calls.watch(60_000)

    new_run(store)

    assert events("slow_operation") == []


def test_a_limit_of_0_logs_no_call(events: Events) -> None:
    slow_calls.watch(0)

    _Store().inner()

    assert events("slow_operation") == []


def test_the_variable_sets_how_long_is_slow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_DYNAMODB_SLOW_MS", "250")

    build_tracking_store(f"dynamodb:///{tmp_path}/mlflow.ddb", str(tmp_path))

    assert slow_calls.LIMIT.seconds == 0.25


def test_the_requests_of_a_call_are_counted_those_of_its_threads_too(
    events: Events, dynoxide_table: DynamoDBTable, tmp_path: Path
) -> None:
    slow_calls.LIMIT.seconds = 0.0
    store = store_on(dynoxide_table, tmp_path)
    run_id = new_run(store)

    # The first one reads the configuration too, which is remembered.
    store.log_metric(run_id, Metric("loss", 0.5, 0, 0))
    store.log_metric(run_id, Metric("loss", 0.5, 1, 1))
    store.log_batch(run_id, [Metric(f"m{n}", 1.0, 1, 1) for n in range(150)], [], [])

    requests = {event["operation"]: event["requests"] for event in events("slow_operation")}
    assert requests["log_metric"] == 1
    assert requests["log_batch"] >= 150


def test_the_requests_of_a_search_of_many_listings_are_counted(
    events: Events, dynoxide_endpoint: str, tmp_path: Path
) -> None:
    # Given the requests that the table made itself, from whichever thread
    made: list[Request] = []
    table = DynamoDBTable(new_table_name(), endpoint_url=dynoxide_endpoint, on_request=made.append)
    table.create()
    store = store_on(table, tmp_path)
    ids = [store.create_experiment(f"e{n}") for n in range(8)]
    runs = [new_run(store, id_) for id_ in ids]
    store.update_run_info(runs[0], RunStatus.FINISHED, 2, None)
    slow_calls.LIMIT.seconds = 0.0

    for search in (
        lambda: store.search_runs(ids, "", ViewType.ACTIVE_ONLY, 100),
        lambda: store.search_runs(ids, "attributes.run_name LIKE '%run%'", ViewType.ALL, 100),
        lambda: store.search_logged_models(ids),
    ):
        made.clear()
        search()

        assert events("slow_operation")[-1]["requests"] == len(made) >= 8
    table.close()


def test_a_call_pays_less_than_a_microsecond_or_two_for_it() -> None:
    class Work:
        def work(self) -> None: ...

    class Store:
        _table = None
        _parts = by_class(Work())

    unwatched = Work().work
    watched = partial(called_on(Work, Work.work), Store())

    # The best of several: a busy machine can only make a round slower.
    overhead = min(_seconds(watched) - _seconds(unwatched) for _ in range(20))

    assert overhead < 2e-6


def _seconds(function: object, calls: int = 20_000) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        function()  # type: ignore[operator]
    return (time.perf_counter() - begin) / calls
