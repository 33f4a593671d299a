"""From the items of a run's partition to MLflow's entities. Pure, and the hot path of reading."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dynamodbstore_events.entities import RUN
from dynamodbstore_events.metric_values import decode_point
from dynamodbstore_events.places import PLACE, in_place
from dynamodbstore_table.items.forms import current
from dynamodbstore_table.items.texts import is_part, require_texts, text_name, text_of
from dynamodbstore_table.shaped import require_shape
from mlflow.entities import Metric, RunData, RunInfo
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

from mlflow_dynamodbstore.core.lifecycle import ExperimentState, run_stage

RUN_ATTRIBUTES = (
    *("PK", "SK", "k", "v", "z", "generation", "parts", "nan", "s", "t", "last"),
    *("experiment_id", "name", "user_id", "status", "start_time", "end_time", "artifact_uri"),
    *("stage", "epoch", "deleted", "digest", "tags", "step", "model_id", PLACE),
)
"""What reading a run needs of its items: everything but the packed points of metrics."""


@dataclass(slots=True)
class RunItems:
    """A run's partition, sorted by kind; inputs and outputs are items as they are kept."""

    meta: Mapping[str, Any] | None = None
    metrics: list[Metric] = field(default_factory=list)
    params: dict[str, str | None] = field(default_factory=dict)
    tags: dict[str, str | None] = field(default_factory=dict)
    dataset_inputs: list[Mapping[str, Any]] = field(default_factory=list)
    model_inputs: list[Mapping[str, Any]] = field(default_factory=list)
    model_outputs: list[Mapping[str, Any]] = field(default_factory=list)


def run_items(items: Iterable[Mapping[str, Any]]) -> RunItems:
    """Sort the items of one run's partition by kind, each kind in the order of its places.

    Raises ``KeyError`` if a part of a long text is missing: the text was replaced while its
    partition was read, which must be read again.
    """
    run = RunItems()
    params, tags, metrics = run.params, run.tags, run.metrics
    long_texts: list[Mapping[str, Any]] = []
    parts: dict[str, bytes] = {}
    for item in in_place(items):
        sk: str = item["SK"]
        # A run's partition has no two kinds of many items whose sort keys begin alike.
        initial = sk[0]
        if initial == "P" or initial == "T":
            if "v" in item:
                if initial == "P":
                    params[text_name(item) if "%" in sk else sk[6:]] = item["v"]
                else:
                    tags[text_name(item) if "%" in sk else sk[4:]] = item["v"]
            elif is_part(sk):
                parts[sk] = item["z"]
            else:
                long_texts.append(item)
                # Its place among the others; the text follows when all parts are there.
                (params if initial == "P" else tags)[text_name(item)] = None
        elif sk.startswith("METRIC#"):
            metrics.append(latest_metric(item, text_name(item) if "%" in sk else sk[7:]))
        elif sk == "META":
            run.meta = current(RUN, item)
        elif sk.startswith("INPUT#DATASET#"):
            run.dataset_inputs.append(item)
        elif sk.startswith("INPUT#MODEL#"):
            run.model_inputs.append(item)
        elif sk.startswith("OUTPUT#"):
            run.model_outputs.append(item)
    for item in long_texts:
        texts = params if item["SK"].startswith("PARAM#") else tags
        texts[text_name(item)] = text_of(item, parts)
    return run


def latest_metric(item: Mapping[str, Any], key: str) -> Metric:
    """The latest value of a metric from its ``METRIC#`` item."""
    step, time_ms, value = decode_point(item["last"])
    return Metric(key, math.nan if "nan" in item else value, time_ms, step)


def run_data(run: RunItems) -> RunData:
    """The metrics, params and tags of a run; raises ``TypeError`` for a value that is not text."""
    require_texts(run.params, run.tags)
    data = RunData(run.metrics)
    # MLflow would take a list of entities only to make these dicts of them.
    data.params.update(run.params)
    data.tags.update(run.tags)
    return data


def run_info(
    meta: Mapping[str, Any],
    experiment: ExperimentState,
    tags: Mapping[str, str | None] | None = None,
) -> RunInfo:
    """The attributes of a run; a run without a name has that of its ``mlflow.runName`` tag."""
    require_shape(meta)
    name = meta.get("name")
    if not name and tags:
        name = tags.get(MLFLOW_RUN_NAME) or name
    return RunInfo(
        run_id=meta["PK"].partition("#")[2],
        experiment_id=meta["experiment_id"],
        user_id=meta["user_id"],
        status=meta["status"],
        start_time=meta["start_time"],
        end_time=meta.get("end_time"),
        lifecycle_stage=run_stage(meta, experiment),
        artifact_uri=meta["artifact_uri"],
        run_name=name,
    )
