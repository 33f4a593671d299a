"""Tags, params and metrics come in the order in which they were first logged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dynamodbstore_events.keys import run_pk
from dynamodbstore_events.places import PLACE, in_place
from dynamodbstore_projections.all import inline_projections
from dynamodbstore_projections.drivers.inline import InlineObserver
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Table, Update
from mlflow.entities import (
    ExperimentTag,
    LoggedModelParameter,
    LoggedModelTag,
    Metric,
    Param,
    Run,
    RunStatus,
    RunTag,
)
from mlflow.entities.model_registry import PromptVersion
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.runs.summaries import summarized_runs
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import new_run, store_on

SOME = ["val/loss", "loss", "acc", "Epoch", "a"]
"""Keys in an order that no sort makes."""


@pytest.fixture(params=["sqlite", "dynoxide"])
def table(request: pytest.FixtureRequest) -> Table:
    found: SqliteTable | DynamoDBTable = request.getfixturevalue(f"{request.param}_table")
    return found


@pytest.fixture
def store(table: Table, tmp_path: Path) -> DynamoTrackingStore:
    return store_on(table, tmp_path)


def orders(run: Run) -> tuple[list[str], list[str], list[str]]:
    """The keys of metrics, params and tags (without the name's)."""
    tags = [key for key in run.data.tags if key != "mlflow.runName"]
    return list(run.data.metrics), list(run.data.params), tags


def log_each(store: DynamoTrackingStore, run_id: str, keys: list[str]) -> None:
    for key in keys:
        store.log_metric(run_id, Metric(key, 1.0, 0, 0))
        store.log_param(run_id, Param(key, "1"))
        store.set_tag(run_id, RunTag(key, "1"))


def log_together(store: DynamoTrackingStore, run_id: str, keys: list[str], points: int = 1) -> None:
    metrics = [Metric(key, 1.0, 0, step) for step in range(points) for key in keys]
    params, tags = [Param(key, "1") for key in keys], [RunTag(key, "1") for key in keys]
    store.log_batch(run_id, metrics, params, tags)


def found(store: DynamoTrackingStore) -> Run:
    (run,) = store.search_runs(["0"], "", 1)
    return run


def test_get_run_gives_what_was_logged_in_its_order(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    log_each(store, run_id, SOME)
    log_together(store, run_id, ["z", *SOME, "b"])

    assert orders(store.get_run(run_id)) == ([*SOME, "z", "b"],) * 3


def test_log_batch_keeps_the_order_of_a_batch_that_is_written_in_steps(
    store: DynamoTrackingStore,
) -> None:
    run_id = new_run(store)
    keys = [f"k{n * 37 % 100}" for n in range(100)]

    log_together(store, run_id, keys, points=8)

    assert orders(store.get_run(run_id)) == (keys,) * 3


def test_search_runs_gives_a_running_run_in_its_order(store: DynamoTrackingStore) -> None:
    log_each(store, new_run(store), SOME)

    assert orders(found(store)) == (SOME,) * 3


def test_search_runs_gives_an_ended_run_in_its_order_from_its_summary(
    sqlite_table: SqliteTable, tmp_path: Path
) -> None:
    observer = InlineObserver(inline_projections(), lambda failed: None)
    table = SqliteTable(sqlite_table.path, observer=observer)
    store = store_on(table, tmp_path)
    observer.use_config(table, store._config.current)
    run_id = new_run(store)
    log_each(store, run_id, SOME)

    store.update_run_info(run_id, RunStatus.FINISHED, 5, None)

    meta = table.get((run_pk(run_id), "META"))
    assert meta is not None
    summary = summarized_runs(table, {run_pk(run_id): meta})[run_pk(run_id)]
    assert [metric.key for metric in summary.metrics] == SOME
    assert list(summary.params) == SOME
    assert orders(found(store)) == (SOME,) * 3
    table.close()


def test_logging_again_keeps_the_place(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    log_each(store, run_id, SOME)

    store.log_metric(run_id, Metric("loss", 2.0, 9, 9))
    store.log_param(run_id, Param("loss", "1"))
    store.set_tag(run_id, RunTag("loss", "another"))
    store.log_batch(run_id, [Metric("acc", 3.0, 9, 9)], [Param("acc", "1")], [RunTag("acc", "2")])

    assert orders(store.get_run(run_id)) == (SOME,) * 3


def test_set_tag_puts_a_tag_that_was_deleted_at_the_end(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    log_each(store, run_id, SOME)

    store.delete_tag(run_id, SOME[0])
    store.set_tag(run_id, RunTag(SOME[0], "1"))

    assert orders(store.get_run(run_id))[2] == [*SOME[1:], SOME[0]]


def test_update_run_info_keeps_the_place_of_the_name(store: DynamoTrackingStore) -> None:
    run = store.create_run("0", "ada", 1, [RunTag(key, "1") for key in SOME], "a name")

    store.update_run_info(run.info.run_id, None, None, "another")

    assert list(store.get_run(run.info.run_id).data.tags) == [*SOME, "mlflow.runName"]


def test_link_prompt_versions_to_run_keeps_the_place_of_the_tag(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    for version in (1, 2):
        store.link_prompt_versions_to_run(run_id, [PromptVersion("p", version, "text")])
        store.set_tag(run_id, RunTag("after", "1"))

    assert orders(store.get_run(run_id))[2] == ["mlflow.linkedPrompts", "after"]


def test_items_without_a_place_come_behind_by_name(store: DynamoTrackingStore) -> None:
    # given a run that an older version began
    run_id = new_run(store)
    log_each(store, run_id, ["y", "b", "x"])
    for item in list(store._table.query_all(run_pk(run_id))):
        store._table.write(Update((item["PK"], item["SK"]), remove=(PLACE,)))

    # when this one goes on with it
    log_each(store, run_id, ["q", "c"])

    # then
    assert orders(store.get_run(run_id)) == (["q", "c", "b", "x", "y"],) * 3


def test_get_logged_model_gives_metrics_as_logged_and_texts_by_name(
    store: DynamoTrackingStore,
) -> None:
    # as MLflow's SQL store does
    run_id = new_run(store)
    tags, params = (
        [LoggedModelTag(k, "1") for k in "zb"],
        [LoggedModelParameter(k, "1") for k in "yc"],
    )
    made = store.create_logged_model("0", "m", run_id, tags, params)
    for key in SOME:
        store.log_metric(run_id, Metric(key, 1.0, 0, 0, model_id=made.model_id))
    batch = [Metric(key, 1.0, 0, 1, model_id=made.model_id) for key in SOME]
    store.log_batch(run_id, batch, [], [])

    for model in (
        store.get_logged_model(made.model_id),
        store.search_logged_models(["0"])[0],
    ):
        assert [metric.key for metric in model.metrics] == SOME * 2
        assert (list(model.tags), list(model.params)) == (["b", "z"], ["c", "y"])
    assert (list(made.tags), list(made.params)) == (["b", "z"], ["c", "y"])


def test_get_experiment_gives_tags_in_their_order(store: DynamoTrackingStore) -> None:
    made = store.create_experiment("e", None, [ExperimentTag(key, "1") for key in SOME])
    for key in ("z", "loss", "b"):
        store.set_experiment_tag(made, ExperimentTag(key, "2"))

    assert list(store.get_experiment(made).tags) == [*SOME, "z", "b"]
    (searched,) = store.search_experiments(filter_string="name = 'e'")
    assert list(searched.tags) == [*SOME, "z", "b"]


def test_places_ascend_while_the_clock_is_set_back() -> None:
    times = iter([2_000_000_000.0, 1_900_000_000.0, 0.0, 2_000_000_001.0])
    places = Places(lambda: next(times))

    given = [*places.take(3), *places.take(2), places.next(), places.next()]

    assert given == sorted(set(given))
    assert given[-1] > given[0] + 990_000


def test_places_of_threads_are_all_different() -> None:
    places = Places()
    with ThreadPoolExecutor(8) as threads:
        given = [place for taken in threads.map(places.take, [50] * 200) for place in taken]

    assert len(set(given)) == 10_000


def test_in_place_leaves_items_without_a_place_as_they_come() -> None:
    items = [{"n": 1}, {"n": 2, PLACE: 5}, {"n": 3}, {"n": 4, PLACE: 2}]

    assert [item["n"] for item in in_place(items)] == [4, 2, 1, 3]
