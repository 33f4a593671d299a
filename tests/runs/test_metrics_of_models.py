"""Metrics that are a logged model's as well as the run's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from dynamodbstore_table.port import Op
from mlflow.entities import Metric, Param, RunTag
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused


class Died(BaseException):
    """The process ended here."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def run_id(store: DynamoTrackingStore) -> str:
    return new_run(store)


@pytest.fixture
def model_id(store: DynamoTrackingStore) -> str:
    model_id: str = store.create_logged_model("0", "model").model_id
    return model_id


def auc(model_id: str, value: float = 0.5, key: str = "auc", **named: str) -> Metric:
    return Metric(key, value, 10, 1, model_id=model_id, **named)


def of_model(store: DynamoTrackingStore, model_id: str) -> list[tuple[str, float]]:
    metrics = store.get_logged_model(model_id).metrics or []
    return sorted((m.key, m.value) for m in metrics)


class TestAlone:
    def test_log_metric_of_a_model_logs_to_the_run_and_the_model(
        self, store: DynamoTrackingStore, run_id: str, model_id: str
    ) -> None:
        store.log_metric(run_id, auc(model_id, dataset_name="iris", dataset_digest="d1"))

        assert store.get_run(run_id).data.metrics == {"auc": 0.5}
        (metric,) = store.get_logged_model(model_id).metrics
        assert (metric.key, metric.value, metric.timestamp, metric.step) == ("auc", 0.5, 10, 1)
        assert (metric.dataset_name, metric.dataset_digest) == ("iris", "d1")
        assert (metric.run_id, metric.model_id) == (run_id, model_id)

    def test_a_repeated_metric_of_a_model_changes_nothing(
        self, store: DynamoTrackingStore, run_id: str, model_id: str
    ) -> None:
        store.log_metric(run_id, auc(model_id))
        store.log_metric(run_id, auc(model_id))

        assert of_model(store, model_id) == [("auc", 0.5)]
        assert len(store.get_metric_history(run_id, "auc")) == 1

    @pytest.mark.parametrize(
        "other", [{"value": 0.6}, {"dataset_name": "a", "dataset_digest": "b"}]
    )
    def test_another_metric_at_the_same_place_is_refused_with_nothing_logged(
        self, store: DynamoTrackingStore, run_id: str, model_id: str, other: dict[str, str]
    ) -> None:
        store.log_metric(run_id, auc(model_id))

        with refused("BAD_REQUEST"):
            store.log_metric(run_id, auc(model_id, **other))

        assert of_model(store, model_id) == [("auc", 0.5)]
        assert len(store.get_metric_history(run_id, "auc")) == 1

    def test_an_unknown_model_is_refused_with_nothing_logged(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        with refused("BAD_REQUEST"):
            store.log_metric(run_id, auc("m-unknown"))

        assert store.get_run(run_id).data.metrics == {}

    def test_a_deleted_model_still_takes_metrics(
        self, store: DynamoTrackingStore, run_id: str, model_id: str
    ) -> None:
        store.delete_logged_model(model_id)

        store.log_metric(run_id, auc(model_id))

        assert store.get_run(run_id).data.metrics == {"auc": 0.5}

    def test_nan_is_zero_to_the_model(
        self, store: DynamoTrackingStore, run_id: str, model_id: str
    ) -> None:
        store.log_metric(run_id, auc(model_id, math.nan))

        assert of_model(store, model_id) == [("auc", 0.0)]
        assert math.isnan(store.get_run(run_id).data.metrics["auc"])

    def test_metrics_of_a_model_go_with_the_run(
        self, store: DynamoTrackingStore, run_id: str, model_id: str
    ) -> None:
        store.log_metric(run_id, auc(model_id))
        store.delete_run(run_id)

        store._hard_delete_run(run_id)

        assert of_model(store, model_id) == []


class TestInBatches:
    def test_log_batch_keeps_metrics_of_several_models(
        self, store: DynamoTrackingStore, run_id: str
    ) -> None:
        first, second = (store.create_logged_model("0", "m").model_id for _ in range(2))

        store.log_batch(run_id, [auc(first), auc(second, 0.7), auc(first, 1.0, "f1")], [], [])

        assert of_model(store, first) == [("auc", 0.5), ("f1", 1.0)]
        assert of_model(store, second) == [("auc", 0.7)]
        assert len(store.get_metric_history(run_id, "auc")) == 2

    @pytest.mark.parametrize("more", [0, 150])
    def test_two_values_at_one_place_are_refused_with_nothing_logged(
        self, store: DynamoTrackingStore, run_id: str, model_id: str, more: int
    ) -> None:
        rest = [Metric(f"m{n}", 1.0, 1, 1) for n in range(more)]

        with refused("BAD_REQUEST"):
            store.log_batch(run_id, [*rest, auc(model_id), auc(model_id, 0.6)], [], [])

        assert store.get_run(run_id).data.metrics == {}
        assert of_model(store, model_id) == []

    @pytest.mark.parametrize("more", [0, 150])
    def test_a_value_against_one_that_is_there_is_refused_with_nothing_logged(
        self, store: DynamoTrackingStore, run_id: str, model_id: str, more: int
    ) -> None:
        store.log_metric(run_id, auc(model_id))
        rest = [Metric(f"m{n}", 1.0, 1, 1) for n in range(more)]
        batch = [*rest, auc(model_id, 1.0, "f1"), auc(model_id, 0.6)]

        with refused("BAD_REQUEST"):
            store.log_batch(run_id, batch, [Param("depth", "3")], [RunTag("team", "red")])

        data = store.get_run(run_id).data
        assert (data.metrics, data.params) == ({"auc": 0.5}, {})
        assert "team" not in data.tags
        assert of_model(store, model_id) == [("auc", 0.5)]

    def test_log_batch_keeps_the_models_metrics_of_a_large_batch(
        self, store: DynamoTrackingStore, run_id: str, model_id: str
    ) -> None:
        store.log_batch(run_id, [auc(model_id, 1.0, f"m{n}") for n in range(200)], [], [])

        assert len(of_model(store, model_id)) == 200
        assert len(store.get_run(run_id).data.metrics) == 200

    def test_metrics_of_a_writer_that_died_half_way_go_with_the_run(
        self,
        store: DynamoTrackingStore,
        run_id: str,
        model_id: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # given a large batch that ends after the model's metrics
        bulk = store._table.bulk

        def dying(ops: Iterable[Op]) -> Any:
            ops = list(ops)
            bulk(ops)
            if any(op.key[0] == f"LM#{model_id}" for op in ops):
                raise Died

        monkeypatch.setattr(store._table, "bulk", dying)
        with pytest.raises(Died):
            store.log_batch(run_id, [auc(model_id, 1.0, f"m{n}") for n in range(150)], [], [])
        monkeypatch.undo()
        assert len(of_model(store, model_id)) == 150

        # when
        store.delete_run(run_id)
        store._hard_delete_run(run_id)

        # then
        assert of_model(store, model_id) == []
