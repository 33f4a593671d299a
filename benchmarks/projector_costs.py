"""What the projector costs: by batch, and together with the store by operation."""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dynamodbstore_events.change import ChangeEvent
from fixtures import START_MS
from mlflow.entities import Metric, RunStatus, RunTag
from operation import Store
from projecting import Deployment, Work
from sections import Section

_BATCH = 100
_TIMES = 5
"""A batch takes milliseconds: one alone shows little about the next."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one kind: made by a number of calls, after what is made unmeasured."""

    name: str
    prepare: Callable[[Store, str], Callable[[int], object]]
    calls: int = _BATCH
    peer: str = ""


def _new_runs(store: Store, experiment_id: str) -> Callable[[int], object]:
    # The run's name is the second tag.
    return lambda i: store.create_run(
        experiment_id, "ada", START_MS + i, [RunTag("team", "red")], f"run {i}"
    )


def _run(store: Store, experiment_id: str, ended: bool) -> str:
    run = store.create_run(experiment_id, "ada", START_MS, [], "a run")
    run_id: str = run.info.run_id
    metrics = [Metric(f"metric {n}", n, START_MS, 0) for n in range(5)]
    store.log_batch(run_id, metrics, [], [])
    if ended:
        store.update_run_info(run_id, RunStatus.FINISHED, START_MS + 1, None)
    return run_id


def _points(ended: bool) -> Callable[[Store, str], Callable[[int], object]]:
    def prepare(store: Store, experiment_id: str) -> Callable[[int], object]:
        run_id = _run(store, experiment_id, ended)
        return lambda i: store.log_metric(run_id, Metric("loss", 1 / (1 + i), START_MS + i, i))

    return prepare


def _tags(key: str, ended: bool) -> Callable[[Store, str], Callable[[int], object]]:
    def prepare(store: Store, experiment_id: str) -> Callable[[int], object]:
        run_id = _run(store, experiment_id, ended)
        return lambda i: store.set_tag(run_id, RunTag(key, f"value {i}"))

    return prepare


def _ends(store: Store, experiment_id: str) -> Callable[[int], object]:
    runs = [_run(store, experiment_id, False) for _ in range(_BATCH)]
    return lambda i: store.update_run_info(runs[i % _BATCH], RunStatus.FINISHED, START_MS + i, None)


BATCHES = (
    Batch("create_run, 2 tags", _new_runs, peer="6.1 r, 22 w"),
    Batch("log_metric, run at work", _points(False), peer="1 r, 3 w"),
    Batch("log_metric, run that has ended", _points(True), peer="1 r, 3 w"),
    Batch("set_tag, run at work", _tags("team", False), peer="1 r, 1–2 w"),
    Batch("set_tag, run that has ended", _tags("team", True), peer="1 r, 1–2 w"),
    Batch("set_tag of mlflow.*, on META too", _tags("mlflow.user", True), peer="1 r, 1–2 w"),
    Batch("update_run_info, the run ends", _ends),
)


def projector_sections(metered: Deployment, timed: Deployment, calls: int) -> list[Section]:
    """Two sections: costs of batches, and of operations with all that follows from them."""
    batches: list[tuple[str | float | None, ...]] = []
    operations: list[tuple[str | float | None, ...]] = []
    for batch in BATCHES:
        count = min(calls, batch.calls)
        store_usage, events = _written(metered, batch, count)
        together = metered.project([events])
        seconds = statistics.median(_seconds(timed, batch, count) for _ in range(_TIMES))
        _, again = _written(metered, batch, count)
        single = metered.project([[event] for event in again])
        batches.append(_batch_row(batch.name, len(events), together, seconds))
        each = store_usage[0] / count, store_usage[1] / count
        operations.append(
            (
                batch.name,
                each[0],
                each[1],
                *_with(each, single, count),
                *_with(each, together, count),
                batch.peer,
            )
        )
    columns = "requests", "write units", "read units"
    return [
        Section(
            f"The projector: {min(calls, _BATCH)} calls' changes in one batch",
            ("changes", "events", "ops an event", *(f"{c} an event" for c in columns), "events/s"),
            tuple(batches),
        ),
        Section(
            "All in, per call: the store alone, and with its projections",
            (
                "operation",
                *("r of the store", "w of the store"),
                *("r, event by event", "w, event by event", "rd, event by event"),
                *("r, in batches", "w, in batches", "rd, in batches"),
                "published peer",
            ),
            tuple(operations),
        ),
    ]


def _written(
    deployment: Deployment, batch: Batch, calls: int
) -> tuple[tuple[float, float], list[ChangeEvent]]:
    """The requests and write units of the store's calls, and the events of what they wrote."""
    store = deployment.restarted()
    experiment_id = store.create_experiment(f"benchmark {uuid.uuid4().hex}", None, [])
    step = batch.prepare(store, experiment_id)
    deployment.project([deployment.taken()])
    for i in range(calls):
        step(i)
    usage = deployment.meter.take()
    return (usage.total_requests, usage.write_units), deployment.taken()


def _seconds(deployment: Deployment, batch: Batch, calls: int) -> float:
    """How long a batch takes."""
    _, events = _written(deployment, batch, calls)
    return deployment.project([events]).seconds


def _batch_row(name: str, events: int, work: Work, seconds: float) -> tuple[str | float, ...]:
    usage = work.usage
    costs: Sequence[float] = (
        work.ops,
        usage.total_requests,
        usage.write_units,
        usage.read_units,
    )
    return name, events, *(cost / events for cost in costs), events / seconds


def _with(each: tuple[float, float], work: Work, calls: int) -> tuple[float, float, float]:
    usage = work.usage
    return (
        each[0] + usage.total_requests / calls,
        each[1] + usage.write_units / calls,
        usage.read_units / calls,
    )
