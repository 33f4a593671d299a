"""log_batch: everything or nothing, MLflow's limits and errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.runs.metrics.metric_writes import OPEN_CHUNK_POINTS
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def run_id(store: DynamoTrackingStore) -> str:
    return new_run(store)


def losses(*steps: int) -> list[Metric]:
    return [Metric("loss", float(step), step, step) for step in steps]


def steps_of(store: DynamoTrackingStore, run_id: str, key: str = "loss") -> list[int]:
    return [m.step for m in store.get_metric_history(run_id, key)]


class TestWhatIsLogged:
    def test_log_batch_keeps_all_that_is_given(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.log_batch(run_id, losses(1, 2), [Param("depth", "3")], [RunTag("team", "red")])

        data = store.get_run(run_id).data
        assert data.metrics == {"loss": 2.0}
        assert data.params == {"depth": "3"}
        assert data.tags["team"] == "red"

    def test_log_batch_accepts_nothing(self, store: DynamoTrackingStore, run_id: str) -> None:
        store.log_batch(run_id, [], [], [])

        assert store.get_run(run_id).data.metrics == {}

    def test_log_batch_keeps_the_last_of_tags_with_one_key(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.log_batch(run_id, [], [], [RunTag("team", "red"), RunTag("team", "blue")])

        assert store.get_run(run_id).data.tags["team"] == "blue"

    def test_log_batch_renames_the_run_by_its_tag(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        tags = [RunTag("mlflow.runName", "new"), RunTag("mlflow.runName", "")]
        store.log_batch(run_id, [], [], tags)

        run = store.get_run(run_id)
        assert run.info.run_name == "new"
        assert run.data.tags["mlflow.runName"] == "new"

    def test_log_batch_with_an_empty_name_changes_nothing(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.log_batch(run_id, [], [], [RunTag("mlflow.runName", ""), RunTag("team", "red")])

        run = store.get_run(run_id)
        assert run.info.run_name == "run"
        assert run.data.tags == {"mlflow.runName": "run", "team": "red"}

    def test_log_batch_accepts_a_param_again_with_its_value(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        long = "x" * 7000
        store.log_param(run_id, Param("depth", long))

        store.log_batch(run_id, [], [Param("depth", long)], [])

        assert store.get_run(run_id).data.params == {"depth": "x" * 6000}

    @pytest.mark.parametrize("count", [3, 8, 9, 36, 1000])
    def test_points_of_one_key_twice_in_any_order_count_once(
        self, store: DynamoTrackingStore, run_id: str, count: int
    ) -> None:
        store.log_batch(run_id, losses(*range(count)), [], [])
        store.log_batch(run_id, losses(*reversed(range(count))), [], [])
        store.log_batch(run_id, losses(*range(count - 2, count)), [], [])

        assert steps_of(store, run_id) == list(range(count))
        assert store.get_run(run_id).data.metrics == {"loss": count - 1.0}

    def test_points_before_between_and_behind_what_is_there(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.log_batch(run_id, losses(10, 20, 30), [], [])

        store.log_batch(run_id, losses(40, 5, 20, 25), [], [])

        assert steps_of(store, run_id) == [5, 10, 20, 25, 30, 40]

    def test_log_batch_keeps_many_steps_of_ten_metrics(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        count = 2 * OPEN_CHUNK_POINTS + 5
        for step in range(count):
            batch = [Metric(f"m{n}", step / 2, step, step) for n in range(10)]
            store.log_batch(run_id, batch, [], [])

        for n in range(10):
            assert steps_of(store, run_id, f"m{n}") == list(range(count))

    def test_log_batch_accepts_as_much_as_is_allowed(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.log_batch(
            run_id,
            [Metric(f"m{n}", float(n), 1, 1) for n in range(800)],
            [Param(f"p{n}", "v") for n in range(100)],
            [RunTag(f"t{n}", "v") for n in range(100)],
        )

        data = store.get_run(run_id).data
        assert len(data.metrics) == 800
        assert len(data.params) == 100
        assert len(data.tags) == 101

    def test_log_batch_keeps_more_metrics_than_a_transaction_holds_again_and_again(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        for step in (2, 3, 1, 3):
            batch = [Metric(f"m{n}", float(n), step, step) for n in range(150)]
            store.log_batch(run_id, batch, [], [])

        assert steps_of(store, run_id, "m149") == [1, 2, 3]

    def test_metrics_whose_chunks_are_all_full_and_no_more_fit_a_transaction(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        # Given sixty metrics: to seal a chunk takes two writes for each
        steps = range(OPEN_CHUNK_POINTS + 1)

        for step in steps:
            store.log_batch(run_id, [Metric(f"m{n}", 0.5, step, step) for n in range(60)], [], [])

        for n in (0, 59):
            assert steps_of(store, run_id, f"m{n}") == list(steps)

    def test_log_batch_renames_the_run_beside_more_metrics_than_a_transaction_holds(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        metrics = [Metric(f"m{n}", 1.0, 1, 1) for n in range(100)]

        store.log_batch(run_id, metrics, [], [RunTag("mlflow.runName", "new")])

        run = store.get_run(run_id)
        assert run.info.run_name == "new"
        assert run.data.tags["mlflow.runName"] == "new"

    def test_log_batch_keeps_a_number_beside_nan_and_several_points(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        nan = Metric("nan", math.nan, 1, 1)

        store.log_batch(run_id, [Metric("one", 1.0, 1, 1), nan, *losses(3, 1, 2)], [], [])

        assert steps_of(store, run_id) == [1, 2, 3]
        latest = store.get_run(run_id).data.metrics
        assert math.isnan(latest.pop("nan"))
        assert latest == {"one": 1.0, "loss": 3.0}

    @pytest.mark.parametrize("count", [2, 98, 99, 147])
    def test_log_batch_keeps_late_numbers_behind_metrics_of_other_kinds(
        self, store: DynamoTrackingStore, run_id: str, count: int
    ) -> None:
        # Given numbers of step 2
        names = [f"m{n}" for n in range(count)]
        store.log_batch(run_id, [Metric(name, 2.0, 2, 2) for name in names], [], [])

        # When a batch has NaN, two points of a key, and numbers of which all but one are late
        others = [Metric("nan", math.nan, 1, 1), Metric("two", 1.0, 1, 1), Metric("two", 2.0, 2, 2)]
        late = [Metric(name, 1.0, 1, 1) for name in names[:-1]]
        store.log_batch(run_id, [*others, *late, Metric(names[-1], 3.0, 3, 3)], [], [])

        # Then each has its points, and its latest is right
        assert [steps_of(store, run_id, name) for name in names[:-1]] == [[1, 2]] * (count - 1)
        assert steps_of(store, run_id, names[-1]) == [2, 3]
        assert steps_of(store, run_id, "two") == [1, 2]
        latest = store.get_run(run_id).data.metrics
        assert math.isnan(latest.pop("nan"))
        assert latest == dict.fromkeys(names, 2.0) | {"two": 2.0, names[-1]: 3.0}

    def test_log_batch_keeps_many_metrics_of_which_some_fill_their_chunks(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        full = OPEN_CHUNK_POINTS
        for step in range(full):
            store.log_batch(run_id, [Metric(f"m{n}", 0.5, step, step) for n in range(30)], [], [])

        for step in (full, full + 1):
            batch = [Metric(f"m{n}", float(n), step, step) for n in range(120)]
            store.log_batch(run_id, batch, [], [])

        assert steps_of(store, run_id, "m29") == list(range(full + 2))
        assert steps_of(store, run_id, "m30") == [full, full + 1]
        assert store.get_run(run_id).data.metrics == {f"m{n}": float(n) for n in range(120)}


class TestParams:
    def test_log_batch_refuses_another_value_of_a_param_and_logs_nothing(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.log_param(run_id, Param("depth", "3"))

        with refused("INVALID_PARAMETER_VALUE") as error:
            params = [Param("width", "1"), Param("depth", "4")]
            store.log_batch(run_id, losses(1), params, [RunTag("team", "red")])

        assert "Changing param values is not allowed" in str(error.value)
        assert "'depth': logged '3', new '4'" in str(error.value)
        data = store.get_run(run_id).data
        assert (data.metrics, data.params) == ({}, {"depth": "3"})
        assert "team" not in data.tags

    def test_log_batch_too_large_for_one_transaction_refuses_another_value_of_a_param(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.log_param(run_id, Param("depth", "3"))
        metrics = [Metric(f"m{n}", 1.0, 1, 1) for n in range(300)]

        with refused("INVALID_PARAMETER_VALUE"):
            store.log_batch(run_id, metrics, [Param("a", "1"), Param("depth", "4")], [])

        data = store.get_run(run_id).data
        assert (data.metrics, data.params) == ({}, {"depth": "3"})

    def test_log_param_refuses_another_value(self, store: DynamoTrackingStore, run_id: str) -> None:
        store.log_param(run_id, Param("depth", "3"))
        store.log_param(run_id, Param("depth", "3"))

        with refused("INVALID_PARAMETER_VALUE") as error:
            store.log_param(run_id, Param("depth", ""))

        assert "Changing param values is not allowed" in str(error.value)

    def test_a_param_without_a_value_is_refused(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        with refused("BAD_REQUEST"):
            store.log_param(run_id, Param("depth", None))
        with refused("BAD_REQUEST"):
            store.log_batch(run_id, losses(1), [Param("depth", None)], [])

        assert store.get_run(run_id).data.metrics == {}

    def test_one_of_many_writers_of_a_param_wins(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        def log(value: int) -> str | None:
            try:
                store.log_batch(run_id, losses(value), [Param("depth", str(value))], [])
            except MlflowException:
                return None
            return str(value)

        with ThreadPoolExecutor(8) as pool:
            won = [value for value in pool.map(log, range(8)) if value is not None]

        assert [store.get_run(run_id).data.params["depth"]] == won
        assert steps_of(store, run_id) == [int(won[0])]


class TestRefused:
    @pytest.mark.parametrize(
        ("metrics", "params", "tags"),
        [
            (1001, 0, 0),
            (0, 101, 0),
            (0, 0, 101),
            (900, 51, 50),
        ],
    )
    def test_log_batch_refuses_too_much(
        self, store: DynamoTrackingStore, run_id: str, metrics: int, params: int, tags: int
    ) -> None:
        with refused("INVALID_PARAMETER_VALUE"):
            store.log_batch(
                run_id,
                [Metric(f"m{n}", 1.0, 1, 1) for n in range(metrics)],
                [Param(f"p{n}", "v") for n in range(params)],
                [RunTag(f"t{n}", "v") for n in range(tags)],
            )

        assert store.get_run(run_id).data.metrics == {}

    @pytest.mark.parametrize(
        ("metrics", "params", "tags"),
        [
            ([Metric("a//b", 1.0, 1, 1)], [], []),
            ([Metric("a", 1.0, 1, 1.5)], [], []),
            ([Metric("a", "x", 1, 1)], [], []),
            ([], [Param("a//b", "1")], []),
            ([], [Param("a", "1"), Param("a", "1")], []),
            ([], [], [RunTag("a//b", "1")]),
            ([], [], [RunTag("k" * 251, "1")]),
            ([], [Param("a", {"b": 1})], []),
            ([], [], [RunTag("a", ["b"])]),
        ],
        ids=str,
    )
    def test_log_batch_refuses_bad_data_and_logs_nothing(
        self, store: DynamoTrackingStore, run_id: str, metrics: Any, params: Any, tags: Any
    ) -> None:
        good = RunTag("team", "red")

        with refused("INVALID_PARAMETER_VALUE"):
            store.log_batch(run_id, losses(1) + metrics, params, [good, *tags])

        data = store.get_run(run_id).data
        assert data.metrics == {}
        assert "team" not in data.tags

    def test_log_batch_raises_for_an_unknown_run(self, store: DynamoTrackingStore) -> None:
        with refused("RESOURCE_DOES_NOT_EXIST"):
            store.log_batch("unknown", losses(1), [], [])

    def test_log_batch_raises_for_an_invalid_run_id(self, store: DynamoTrackingStore) -> None:
        with refused("INVALID_PARAMETER_VALUE"):
            store.log_batch("!", losses(1), [], [])

    def test_log_batch_raises_for_a_deleted_run(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        store.delete_run(run_id)

        with refused("INVALID_PARAMETER_VALUE"):
            store.log_batch(run_id, [], [], [])
