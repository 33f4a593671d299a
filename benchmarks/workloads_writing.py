"""The operations that write: what a training script and the UI's editing do."""

from __future__ import annotations

import uuid

from fixtures import START_MS, Fixtures
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
)
from operation import Budget, Operation, Prepare, Step, Store

_TAGS_A_BATCH = 100
_SEALED_EVERY = 37


def _create_experiment(store: Store, fixtures: Fixtures, count: int) -> Step:
    name = f"churn forecast {uuid.uuid4().hex[:8]}"
    return lambda i: store.create_experiment(f"{name} {i}", None, [])


def _create_run(store: Store, fixtures: Fixtures, count: int) -> Step:
    experiment_id = fixtures.new_experiment()
    # The run's name is the second tag.
    return lambda i: store.create_run(
        experiment_id, "ada", START_MS + i, [RunTag("team", "red")], f"run {i}"
    )


def _update_run_info(store: Store, fixtures: Fixtures, count: int) -> Step:
    run_id = fixtures.new_run()
    return lambda i: store.update_run_info(run_id, RunStatus.FINISHED, START_MS + i, None)


def _log_metric(store: Store, fixtures: Fixtures, count: int) -> Step:
    run_id = fixtures.new_run()
    return lambda i: store.log_metric(run_id, Metric("loss", 1 / (1 + i), START_MS + 1000 * i, i))


def _log_param(store: Store, fixtures: Fixtures, count: int) -> Step:
    run_id = fixtures.new_run()
    return lambda i: store.log_param(run_id, Param(f"param {i}", f"value {i}"))


def _set_tag(store: Store, fixtures: Fixtures, count: int) -> Step:
    run_id = fixtures.new_run()
    return lambda i: store.set_tag(run_id, RunTag(f"tag {i}", f"value {i}"))


def _delete_tag(store: Store, fixtures: Fixtures, count: int) -> Step:
    run_id = fixtures.new_run()
    tags = [RunTag(f"tag {i}", f"value {i}") for i in range(count)]
    for first in range(0, count, _TAGS_A_BATCH):
        store.log_batch(run_id, [], [], tags[first : first + _TAGS_A_BATCH])
    return lambda i: store.delete_tag(run_id, f"tag {i}")


def _log_step(keys: int) -> Prepare:
    """Log one point of each of ``keys`` metrics, the next step each time."""

    def prepare(store: Store, fixtures: Fixtures, count: int) -> Step:
        run_id = fixtures.new_run()
        # Made before, as here and below: the time of MLflow's entities is not the store's.
        batches = [
            [Metric(f"metric {k}", k / (1 + i), START_MS + 1000 * i, i) for k in range(keys)]
            for i in range(count)
        ]
        return lambda i: store.log_batch(run_id, batches[i], [], [])

    return prepare


def _log_mixed_batch(store: Store, fixtures: Fixtures, count: int) -> Step:
    runs = [fixtures.new_run() for _ in range(count)]
    metrics = [Metric(f"metric {k}", k / 10, START_MS, 0) for k in range(10)]
    params = [Param(f"param {k}", f"value {k}") for k in range(10)]
    tags = [RunTag(f"tag {k}", f"value {k}") for k in range(10)]
    return lambda i: store.log_batch(runs[i], metrics, params, tags)


def _log_points(store: Store, fixtures: Fixtures, count: int) -> Step:
    run_id = fixtures.new_run()
    batches = [
        [Metric("loss", 1 / (1 + s), START_MS + s, s) for s in range(1000 * i, 1000 * (i + 1))]
        for i in range(count)
    ]
    return lambda i: store.log_batch(run_id, batches[i], [], [])


def _log_inputs(store: Store, fixtures: Fixtures, count: int) -> Step:
    run_id = fixtures.new_run()

    def step(i: int) -> None:
        dataset = Dataset(
            "wine", f"digest{i}", "local", '{"uri": "wine.csv"}', '{"columns": 11}', '{"rows": 178}'
        )
        tags = [InputTag("mlflow.data.context", "training")]
        store.log_inputs(run_id, [DatasetInput(dataset, tags)])

    return step


def _create_logged_model(store: Store, fixtures: Fixtures, count: int) -> Step:
    experiment_id, run_id = fixtures.scratch_experiment(), fixtures.new_run()
    return lambda i: store.create_logged_model(
        experiment_id,
        f"model-{i}",
        run_id,
        [LoggedModelTag("team", "red"), LoggedModelTag("stage", "trial")],
        [LoggedModelParameter("depth", "3"), LoggedModelParameter("trees", "100")],
        "sklearn",
    )


def _flip_experiment(runs: int) -> Prepare:
    def prepare(store: Store, fixtures: Fixtures, count: int) -> Step:
        experiment_id = fixtures.searched(runs)

        def step(i: int) -> None:
            if i % 2 == 0:
                store.delete_experiment(experiment_id)
            else:
                store.restore_experiment(experiment_id)

        return step

    return prepare


def writing_operations(runs: int) -> list[Operation]:
    """The operations that write; the experiment that is deleted holds ``runs`` runs."""
    one_write = (Budget(1, 1),)
    return [
        Operation("create_experiment", _create_experiment),
        Operation("create_run, 2 tags", _create_run, (Budget(1, 7),)),
        Operation("update_run_info", _update_run_info),
        Operation(
            "log_metric, in order", _log_metric, (Budget(1.1, 1.1),), metered=10 * _SEALED_EVERY
        ),
        Operation("log_param", _log_param, one_write),
        Operation("set_tag", _set_tag, one_write),
        Operation("delete_tag", _delete_tag),
        Operation(
            "log_batch, 5 metrics of one step",
            _log_step(5),
            (Budget(1.1, 11), Budget(5.5, 6)),
            metered=4 * _SEALED_EVERY,
        ),
        Operation(
            "log_batch, 10 metrics, 10 params, 10 tags",
            _log_mixed_batch,
            (Budget(2, 70), Budget(None, 35)),
            blocks=10,
            calls=8,
        ),
        Operation(
            "log_batch, 1,000 points of one metric",
            _log_points,
            (Budget(2, 40),),
            metered=10,
            blocks=8,
            calls=2,
        ),
        Operation(
            "log_batch, 1,000 metrics",
            _log_step(1000),
            (Budget(None, 1100),),
            metered=3,
            blocks=7,
            calls=1,
        ),
        Operation("log_inputs, 1 dataset", _log_inputs),
        Operation("create_logged_model, 2 tags, 2 params", _create_logged_model, calls=10),
        Operation(
            f"delete or restore an experiment of {runs:,} runs",
            _flip_experiment(runs),
            (Budget(1),),
            metered=4,
            blocks=6,
            calls=2,
        ),
    ]
