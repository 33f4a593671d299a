"""The requests of each tracking operation to DynamoDB, as the design's budget table promises.

The run was made by the same process a moment before, so that its being active is remembered, as
it is in a training script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dynamodbstore_table.testing.counting import Usage
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelParameter,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow_dynamodbstore.runs.metrics.metric_writes import OPEN_CHUNK_POINTS

from tests.budgets.metered import MeteredStore, on_endpoint, on_file, with_new_run

_POINTS_OF_TEN_CHUNKS = 370


@pytest.fixture
def metered(tmp_path: Path) -> Iterator[MeteredStore]:
    """A store whose requests are counted, with a run."""
    with on_file(tmp_path / "table.ddb") as metered:
        yield metered


def metric(key: str, step: int) -> Metric:
    return Metric(key, 1 / (1 + step), 1_700_000_000_000 + 1000 * step, step)


def create_run(m: MeteredStore) -> None:
    m.store.create_run(m.experiment_id, "ada", 1, [RunTag("team", "red")], "second tag")


def log_metric(m: MeteredStore) -> None:
    m.store.log_metric(m.run_id, metric("loss", 0))


def log_param(m: MeteredStore) -> None:
    m.store.log_param(m.run_id, Param("depth", "3"))


def set_tag(m: MeteredStore) -> None:
    m.store.set_tag(m.run_id, RunTag("team", "x" * 900))


def log_five_metrics(m: MeteredStore) -> None:
    m.store.log_batch(m.run_id, [metric(f"m{k}", 0) for k in range(5)], [], [])


def log_mixed_batch(m: MeteredStore) -> None:
    m.store.log_batch(
        m.run_id,
        [metric(f"metric {k}", 0) for k in range(10)],
        [Param(f"param {k}", "value") for k in range(10)],
        [RunTag(f"tag {k}", "value") for k in range(10)],
    )


def log_thousand_points(m: MeteredStore) -> None:
    m.store.log_batch(m.run_id, [metric("loss", step) for step in range(1000)], [], [])


def log_thousand_keys(m: MeteredStore) -> None:
    m.store.log_batch(m.run_id, [metric(f"metric {k}", 0) for k in range(1000)], [], [])


def get_run(m: MeteredStore) -> None:
    m.store.get_run(m.run_id)


def get_experiment(m: MeteredStore) -> None:
    m.store.get_experiment(m.experiment_id)


def log_inputs(m: MeteredStore) -> None:
    dataset = Dataset("wine", "abc", "local", "{}", '{"columns": 11}', '{"rows": 178}')
    tags = [InputTag("mlflow.data.context", "training")]
    m.store.log_inputs(m.run_id, [DatasetInput(dataset, tags)])


def create_logged_model(m: MeteredStore) -> None:
    m.store.create_logged_model(
        m.experiment_id,
        "model",
        m.run_id,
        [LoggedModelTag("team", "red")],
        [LoggedModelParameter("depth", "3")],
        "sklearn",
    )


def update_run_info(m: MeteredStore) -> None:
    m.store.update_run_info(m.run_id, RunStatus.FINISHED, 2, None)


def delete_experiment(m: MeteredStore) -> None:
    m.store.delete_experiment(m.experiment_id)


ON_ITS_OWN = [
    create_run,
    log_metric,
    log_param,
    set_tag,
    log_five_metrics,
    log_mixed_batch,
    log_thousand_points,
    get_run,
    get_experiment,
    log_inputs,
    create_logged_model,
    update_run_info,
    delete_experiment,
]


def test_create_run_is_one_transaction(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: create_run(metered))

    assert cost == Usage({"TransactWriteItems": 1}, write_units=3 + 2 * 2)


def test_a_metric_in_order_is_one_update(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: log_metric(metered))

    assert cost == Usage({"UpdateItem": 1}, write_units=1)


def test_sealing_adds_a_tenth_to_metrics_at_most(metered: MeteredStore) -> None:
    def log_many() -> None:
        for step in range(_POINTS_OF_TEN_CHUNKS):
            metered.store.log_metric(metered.run_id, metric("loss", step))

    cost = metered.cost(log_many)

    assert cost.total_requests <= 1.1 * _POINTS_OF_TEN_CHUNKS
    assert cost.write_units <= 1.1 * _POINTS_OF_TEN_CHUNKS
    assert cost.read_units == 0


def test_a_metric_costs_the_same_late_in_a_long_run(metered: MeteredStore) -> None:
    points = [metric("loss", step) for step in range(1000)]
    for _ in range(3):
        metered.store.log_batch(metered.run_id, points, [], [])

    cost = metered.cost(lambda: metered.store.log_metric(metered.run_id, metric("loss", 1000)))

    assert cost == Usage({"UpdateItem": 1}, write_units=1)


def test_a_param_is_one_request(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: log_param(metered))

    assert cost == Usage({"UpdateItem": 1}, write_units=1)


def test_a_tag_is_one_request(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: set_tag(metered))

    assert cost == Usage({"UpdateItem": 1}, write_units=1)


def test_five_metrics_of_a_step_keep_to_the_budget(metered: MeteredStore) -> None:
    steps = 4 * 37

    def log_many() -> None:
        for step in range(steps):
            metered.store.log_batch(
                metered.run_id, [metric(f"m{k}", step) for k in range(5)], [], []
            )

    cost = metered.cost(log_many)

    # One more where the chunks are full, which all are at the same step.
    assert cost.requests == {"TransactWriteItems": steps + (steps - 1) // OPEN_CHUNK_POINTS}
    assert cost.total_requests <= 1.1 * steps
    assert cost.write_units <= 11 * steps


def test_a_hundred_metrics_are_one_transaction(metered: MeteredStore) -> None:
    batch = [metric(f"m{k}", 0) for k in range(100)]

    cost = metered.cost(lambda: metered.store.log_batch(metered.run_id, batch, [], []))

    assert cost.requests == {"TransactWriteItems": 1}


def test_a_mixed_batch_keeps_to_the_budget(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: log_mixed_batch(metered))

    assert cost.total_requests <= 2
    assert cost.write_units <= 70


def test_a_thousand_points_of_a_metric_are_sealed_at_once(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: log_thousand_points(metered))

    assert cost.total_requests <= 2
    assert cost.write_units <= 40


def test_a_thousand_metrics_keep_to_the_budget(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: log_thousand_keys(metered))

    assert cost.write_units <= 1100
    assert cost.read_units == 0


def test_get_run_is_one_query(metered: MeteredStore) -> None:
    log_mixed_batch(metered)

    cost = metered.cost(lambda: get_run(metered))

    assert cost.requests == {"Query": 1}


def test_get_run_of_several_pages_is_a_query_a_page(metered: MeteredStore) -> None:
    text = "x" * 6000
    for first in range(0, 400, 100):
        params = [Param(f"param {first + k}", text) for k in range(100)]
        metered.store.log_batch(metered.run_id, [], params, [])

    cost = metered.cost(lambda: get_run(metered))

    assert cost.requests == {"Query": 3}


def test_get_experiment_is_one_request(metered: MeteredStore) -> None:
    cost = metered.cost(lambda: get_experiment(metered))

    assert cost.total_requests == 1


def test_deleting_an_experiment_is_one_write_however_many_runs_it_has(
    metered: MeteredStore,
) -> None:
    for _ in range(30):
        metered.new_run()

    cost = metered.cost(lambda: delete_experiment(metered))

    assert cost.total_requests == 1


def test_restoring_an_experiment_is_one_write(metered: MeteredStore) -> None:
    metered.new_run()
    metered.store.delete_experiment(metered.experiment_id)

    cost = metered.cost(lambda: metered.store.restore_experiment(metered.experiment_id))

    assert cost.total_requests == 1


def test_a_page_of_the_listing_costs_the_same_wherever_it_is(metered: MeteredStore) -> None:
    for _ in range(60):
        metered.new_run()

    def page(token: str | None) -> str | None:
        found = metered.store.search_runs(
            [metered.experiment_id], "", ViewType.ACTIVE_ONLY, 10, None, token
        )
        following: str | None = found.token
        return following

    token = page(None)
    first = metered.cost(lambda: page(None))
    for _ in range(4):
        token = page(token)
    last = metered.cost(lambda: page(token))

    assert last == first


@pytest.mark.parametrize("operation", ON_ITS_OWN, ids=lambda o: o.__name__)
def test_the_server_is_asked_what_was_computed(
    operation: Callable[[MeteredStore], None], served: MeteredStore, metered: MeteredStore
) -> None:
    """The counts above are those of real requests, and their units are what the server charges."""
    computed = metered.cost(lambda: operation(metered))
    fresh = with_new_run(served.store, served.meter)

    reported = served.cost(lambda: operation(fresh))

    assert reported == computed


@pytest.fixture(scope="module")
def served(dynoxide_endpoint: str) -> Iterator[MeteredStore]:
    """A store on a server, for all of the operations."""
    with on_endpoint(dynoxide_endpoint) as served:
        yield served
