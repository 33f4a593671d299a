"""Whole runs, many at once: summaries of those that ended, else partitions; then entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from dynamodbstore_table.errors import TransactionConflict
from dynamodbstore_table.port import Table
from mlflow.entities import LoggedModelOutput, Run, RunInputs, RunOutputs

from mlflow_dynamodbstore.core.gc_pause import collector_paused
from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.runs.dataset_inputs import load_dataset_inputs
from mlflow_dynamodbstore.runs.run_items import (
    RUN_ATTRIBUTES,
    RunItems,
    run_data,
    run_info,
    run_items,
)
from mlflow_dynamodbstore.runs.summaries import summarized_runs

_READS_OF_A_MOVING_RUN = 5
_OBJECTS_A_RUN = 32


def run_partitions(table: Table, pks: Iterable[str]) -> dict[str, RunItems]:
    """Everything of the runs in these partitions, in their order; what has gone has no META."""
    # Naming attributes spares a network the packed points of metrics, and costs a file time.
    attributes = RUN_ATTRIBUTES if table.remote else None
    found: dict[str, RunItems | None] = dict.fromkeys(pks)
    waiting = list(found)
    for _ in range(_READS_OF_A_MOVING_RUN):
        for pk, items in table.partitions(waiting, attributes=attributes).items():
            # A missing part means that a long text was replaced between two pages of the read.
            with suppress(KeyError):
                found[pk] = run_items(items)
        waiting = [pk for pk in waiting if found[pk] is None]
        if not waiting:
            return {pk: run for pk, run in found.items() if run is not None}
    raise TransactionConflict(f"{waiting[0]} is written faster than it can be read")


def read_runs(
    table: Table,
    pks: Sequence[str],
    experiments: Mapping[str, ExperimentState],
    keep: Callable[[Mapping[str, Any]], bool],
    ended: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Run]:
    """The runs of these partitions in their order, as a search returns them.

    Left out are those that have gone and those whose META item, read afresh, ``keep`` refuses.
    ``experiments`` must hold the experiments of what ``keep`` accepts. ``ended`` has the META items
    of runs, by partition key, for which a summary will do: these are not read afresh.
    """
    with collector_paused(_OBJECTS_A_RUN * len(pks)):
        return _runs(table, _read(table, pks, ended or {}), experiments, keep)


def _read(
    table: Table, pks: Sequence[str], ended: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, RunItems]:
    if not ended:
        return run_partitions(table, pks)
    others = [pk for pk in pks if pk not in ended]
    reads = [partial(summarized_runs, table, ended)]
    if others:
        reads.append(partial(run_partitions, table, others))
    found = {pk: run for part in table.at_once(reads) for pk, run in part.items()}
    missing = [pk for pk in ended if pk not in found]
    if missing:
        found |= run_partitions(table, missing)
    return {pk: found[pk] for pk in pks}


def _runs(
    table: Table,
    partitions: Mapping[str, RunItems],
    experiments: Mapping[str, ExperimentState],
    keep: Callable[[Mapping[str, Any]], bool],
) -> list[Run]:
    found = {pk: run for pk, run in partitions.items() if run.meta is not None and keep(run.meta)}
    with_datasets = {pk: run.dataset_inputs for pk, run in found.items() if run.dataset_inputs}
    datasets = load_dataset_inputs(table, with_datasets) if with_datasets else {}
    runs: list[Run] = []
    for pk, run in found.items():
        assert run.meta is not None
        outputs = [LoggedModelOutput(o["model_id"], o["step"]) for o in run.model_outputs]
        runs.append(
            Run(
                run_info(run.meta, experiments[run.meta["experiment_id"]], run.tags),
                run_data(run),
                RunInputs(dataset_inputs=datasets.get(pk, [])),
                RunOutputs(outputs),
            )
        )
    return runs
