"""Ended runs from their summaries: one item a run, in the place of its whole partition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import orjson
from dynamodbstore_events.entities import FORM, RUN
from dynamodbstore_events.shapes import fault_of
from dynamodbstore_projections.summary.reader import summaries, unpacked
from dynamodbstore_table.items.forms import current
from dynamodbstore_table.port import Item, Table
from mlflow.entities import Metric

from mlflow_dynamodbstore.runs.run_items import RunItems

INFO_ATTRIBUTES: Final = (
    *("PK", "experiment_id", "name", "user_id", "status", "start_time", "end_time"),
    *("stage", "epoch", "artifact_uri", FORM),
)
"""The attributes of a run's META item beside a summary: all but what is logged."""


def summarized_runs(table: Table, ended: Mapping[str, Mapping[str, Any]]) -> dict[str, RunItems]:
    """The runs whose summaries describe them, by partition key; ``ended`` has their META items.

    A summary that was made of a damaged input or output is left out: the run is then read whole.
    """
    runs = {pk: summarized(item, ended[pk]) for pk, item in summaries(table, ended).items()}
    return {pk: run for pk, run in runs.items() if _is_sound(run, pk)}


def _is_sound(run: RunItems, pk: str) -> bool:
    edges = (*run.dataset_inputs, *run.model_inputs, *run.model_outputs)
    return all(fault_of({**edge, "PK": pk}) is None for edge in edges)


def summarized(item: Item, meta: Mapping[str, Any]) -> RunItems:
    """The run that a summary holds, with its META item."""
    stored = orjson.loads(unpacked(item))
    nan = math.nan
    run = RunItems(
        meta=current(RUN, meta),
        metrics=[
            Metric(key, nan if value is None else value, time, step)
            for key, value, time, step in stored["metrics"]
        ],
        params=stored["params"],
        tags=stored["tags"],
    )
    for edge in stored["edges"]:
        sk: str = edge["SK"]
        if sk.startswith("INPUT#DATASET#"):
            run.dataset_inputs.append(edge)
        elif sk.startswith("INPUT#MODEL#"):
            run.model_inputs.append(edge)
        else:
            run.model_outputs.append(edge)
    return run
