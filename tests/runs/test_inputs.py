"""Which datasets and models a run used."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dynamodbstore_events.keys import dataset_hash, dataset_pk
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.tracking.stores import embedded_store, new_run, refused


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DynamoTrackingStore]:
    with embedded_store(tmp_path) as opened:
        yield opened


def dataset(
    name: str = "iris",
    digest: str = "d1",
    source: str = "s3://iris",
    schema: str | None = "{}",
    profile: str | None = None,
) -> Dataset:
    return Dataset(name, digest, "s3", source, schema, profile)


def used(what: Dataset, context: str | None = None, **tags: str) -> DatasetInput:
    context_tags = [] if context is None else [InputTag("mlflow.data.context", context)]
    return DatasetInput(what, context_tags + [InputTag(k, v) for k, v in tags.items()])


def inputs_of(store: DynamoTrackingStore, run_id: str) -> list[DatasetInput]:
    found: list[DatasetInput] = store.get_run(run_id).inputs.dataset_inputs
    return found


def test_a_run_shows_its_datasets_in_the_order_of_logging(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    logged = [used(dataset(f"set {n}"), "train", n=str(n)) for n in range(20)]

    store.log_inputs(run_id, logged[:15])
    store.log_inputs(run_id, logged[15:])

    assert inputs_of(store, run_id) == logged


def test_the_first_source_schema_and_profile_of_a_dataset_stay(store: DynamoTrackingStore) -> None:
    first, second = new_run(store), new_run(store)
    original = dataset(source="original", schema="a", profile="b")

    store.log_inputs(first, [used(original)])
    store.log_inputs(second, [used(dataset(source="other", schema=None), "test")])

    assert inputs_of(store, second) == [used(original, "test")]


def test_the_same_name_and_digest_in_another_experiment_is_another_dataset(
    store: DynamoTrackingStore,
) -> None:
    here, there = new_run(store), new_run(store, store.create_experiment("other"))

    store.log_inputs(here, [used(dataset(source="here"))])
    store.log_inputs(there, [used(dataset(source="there"))])

    assert [i.dataset.source for i in inputs_of(store, there)] == ["there"]


def test_logging_an_input_again_changes_nothing(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    store.log_inputs(run_id, [used(dataset(), "train", a="1")])

    store.log_inputs(run_id, [used(dataset(), "test", a="2", b="3")])

    assert inputs_of(store, run_id) == [used(dataset(), "train", a="1")]
    assert [s.context for s in store._search_datasets(["0"])] == ["train"]


def test_of_a_dataset_given_twice_the_first_counts(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    store.log_inputs(run_id, [used(dataset(source="1"), "train"), used(dataset(source="2"))])

    assert inputs_of(store, run_id) == [used(dataset(source="1"), "train")]


def test_the_largest_dataset_is_kept_whole(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    profile = random.Random(7).randbytes(8_388_608).hex()[:16_777_215]
    schema, source = "é" * 1_048_575, "s" * 65_535

    store.log_inputs(run_id, [used(dataset(source=source, schema=schema, profile=profile))])

    found = inputs_of(store, run_id)[0].dataset
    assert (found.source, found.schema, found.profile) == (source, schema, profile)


@pytest.mark.parametrize(
    "wrong",
    [
        dataset(name="n" * 501),
        dataset(digest="d" * 37),
        dataset(source="s" * 65_536),
        dataset(schema="s" * 1_048_576),
        Dataset(None, "d", "s3", "source"),
    ],
)
def test_a_dataset_past_the_limits_is_refused_before_anything_is_written(
    store: DynamoTrackingStore, wrong: Dataset
) -> None:
    run_id = new_run(store)

    with refused("INVALID_PARAMETER_VALUE"):
        store.log_inputs(run_id, [used(dataset()), used(wrong)], [LoggedModelInput("m-1")])

    inputs = store.get_run(run_id).inputs
    assert (inputs.dataset_inputs, inputs.model_inputs) == ([], [])


def test_a_tag_key_given_twice_is_refused_before_anything_is_written(
    store: DynamoTrackingStore,
) -> None:
    run_id = new_run(store)
    doubled = DatasetInput(dataset("b"), [InputTag("k", "1"), InputTag("k", "2")])

    with refused("BAD_REQUEST"):
        store.log_inputs(run_id, [used(dataset("a")), doubled])

    assert inputs_of(store, run_id) == []
    assert store._search_datasets(["0"]) == []


def test_a_deleted_run_takes_no_inputs(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    store.delete_run(run_id)

    with refused("INVALID_PARAMETER_VALUE"):
        store.log_inputs(run_id, [used(dataset())])


def test_a_run_that_is_not_there_takes_no_inputs(store: DynamoTrackingStore) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.log_inputs("0" * 32, [used(dataset())])


def test_more_datasets_than_one_transaction_holds(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    logged = [used(dataset(f"set {n}"), "train") for n in range(120)]

    store.log_inputs(run_id, logged)

    assert inputs_of(store, run_id) == logged


def test_runs_that_log_one_new_dataset_at_once_agree_on_it(store: DynamoTrackingStore) -> None:
    runs = [new_run(store) for _ in range(6)]
    together = threading.Barrier(len(runs))

    def log(run_id: str) -> None:
        together.wait()
        store.log_inputs(run_id, [used(dataset(source=run_id))])

    threads = [threading.Thread(target=log, args=(run_id,)) for run_id in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sources = {i.dataset.source for run_id in runs for i in inputs_of(store, run_id)}
    assert len(sources) == 1
    assert sources <= set(runs)


def test_the_body_of_a_writer_that_came_second_is_removed(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = new_run(store), new_run(store)
    bulk = store._table.bulk

    def overtaken(ops: object) -> object:
        monkeypatch.setattr(store._table, "bulk", bulk)
        store.log_inputs(first, [used(dataset(source="first"))])
        return bulk(ops)  # type: ignore[arg-type]

    monkeypatch.setattr(store._table, "bulk", overtaken)
    store.log_inputs(second, [used(dataset(source="second"))])

    assert [i.dataset.source for i in inputs_of(store, second)] == ["first"]
    bodies = dataset_pk(dataset_hash("0", "iris", "d1"))
    assert len(store._table.partitions([bodies])[bodies]) == 1


def test_model_inputs_may_be_repeated(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)

    store.log_inputs(run_id, None, [LoggedModelInput("m-1"), LoggedModelInput("m-1")])
    store.log_inputs(run_id, models=[LoggedModelInput("m-1"), LoggedModelInput("m-2")])

    found = store.get_run(run_id).inputs.model_inputs
    assert sorted(i.model_id for i in found) == ["m-1", "m-2"]


def test_datasets_are_summed_up_by_experiment_and_context(store: DynamoTrackingStore) -> None:
    other = store.create_experiment("other")
    store.log_inputs(new_run(store), [used(dataset("a"), "train"), used(dataset("b"))])
    store.log_inputs(new_run(store), [used(dataset("a"), "test"), used(dataset("b"), "")])
    store.log_inputs(new_run(store), [used(dataset("a"), "train")])
    store.log_inputs(new_run(store, other), [used(dataset("a"), "x#y")])

    found = [
        (s.experiment_id, s.name, s.context) for s in store._search_datasets(["0", other, "0"])
    ]

    assert sorted(found, key=repr) == sorted(
        [
            ("0", "a", "train"),
            ("0", "a", "test"),
            ("0", "b", None),
            ("0", "b", ""),
            (other, "a", "x#y"),
        ],
        key=repr,
    )


def test_at_most_a_thousand_datasets_are_summed_up(store: DynamoTrackingStore) -> None:
    run_id = new_run(store)
    store.log_inputs(run_id, [used(dataset(f"set {n}")) for n in range(1001)])

    assert len(store._search_datasets(["0"])) == 1000


def test_an_experiment_id_that_is_no_number_is_refused(store: DynamoTrackingStore) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        store._search_datasets(["iris"])


def test_log_inputs_takes_datasets_as_a_list_only(store: DynamoTrackingStore) -> None:
    with pytest.raises(TypeError, match="should be a list"):
        store.log_inputs(new_run(store), datasets="iris")
