"""Whole runs, many at once: each run's partition in one read, then MLflow's entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dynamodbstore_table.port import Table
from mlflow.entities import LoggedModelOutput, Run, RunInputs, RunOutputs

from mlflow_dynamodbstore.tracking.dataset_inputs import load_dataset_inputs
from mlflow_dynamodbstore.tracking.lifecycle import ExperimentState
from mlflow_dynamodbstore.tracking.run_items import (
    RUN_ATTRIBUTES,
    RunItems,
    run_data,
    run_info,
    run_items,
)


def read_runs(
    table: Table,
    pks: Iterable[str],
    experiments: Mapping[str, ExperimentState],
    keep: Callable[[Mapping[str, Any]], bool],
) -> list[Run]:
    """The runs of these partitions in their order, as a search returns them.

    Left out are those that have gone and those whose META item, read afresh, ``keep`` refuses.
    ``experiments`` must hold the experiments of what ``keep`` accepts.
    """
    partitions = table.partitions(pks, attributes=RUN_ATTRIBUTES)
    found: dict[str, RunItems] = {}
    for pk, items in partitions.items():
        run = run_items(items)
        if run.meta is not None and keep(run.meta):
            found[pk] = run
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
