"""Runs written straight into a table, with the start times and values that a test needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynamodbstore_events.keys import (
    dataset_input_sk,
    is_hashed,
    metric_sk,
    newest_first,
    param_sk,
    run_pk,
    runs_listing,
    tag_sk,
)
from dynamodbstore_events.metric_values import encode_point
from dynamodbstore_table.items.texts import text_items
from dynamodbstore_table.port import Item, Put, Table
from mlflow_dynamodbstore.core.lifecycle import ExperimentState


def experiment(experiment_id: str = "1", **changed: Any) -> ExperimentState:
    """An active experiment in its first epoch, with one listing."""
    given: dict[str, Any] = {
        "experiment_id": experiment_id,
        "name": f"experiment {experiment_id}",
        "workspace": "default",
        "artifact_location": f"s3://bucket/{experiment_id}",
        "stage": "active",
        "epoch": 0,
        "created": 1,
        "updated": 1,
        "deleted": None,
        "run_shards": 1,
        "trace_shards": 4,
    }
    return ExperimentState(**{**given, **changed})


def run_meta(
    run_id: str, start: int = 0, experiment_id: str = "1", shard: int = 0, **more: Any
) -> Item:
    """The META item of a run."""
    return {
        "PK": run_pk(run_id),
        "SK": "META",
        "experiment_id": experiment_id,
        "name": f"run {run_id}",
        "user_id": "ada",
        "status": "RUNNING",
        "start_time": start,
        "stage": "active",
        "epoch": 0,
        "artifact_uri": f"s3://bucket/{experiment_id}/{run_id}/artifacts",
        "gsi1pk": runs_listing(experiment_id, shard),
        "gsi1sk": newest_first(start, run_id),
        **more,
    }


def put_run(table: Table, meta: Item, **belongings: Any) -> None:
    """Write a run with what belongs to it, as ``run_puts`` takes it."""
    table.bulk(run_puts(meta, **belongings))


def run_puts(
    meta: Item,
    *,
    params: Mapping[str, str | None] | None = None,
    tags: Mapping[str, str | None] | None = None,
    metrics: Mapping[str, float] | None = None,
    datasets: Mapping[str, str] | None = None,
) -> Iterator[Put]:
    """A run with what belongs to it; ``datasets`` are names with their contexts."""
    pk = meta["PK"]
    yield Put(meta)
    for sk_of, texts in ((param_sk, params), (tag_sk, tags)):
        for key, value in (texts or {}).items():
            written = text_items(pk, sk_of(key), key, value)
            yield from written.parts
            yield Put(written.item)
    for key, number in (metrics or {}).items():
        sk = metric_sk(key)
        named = {"k": key} if is_hashed(sk.partition("#")[2]) else {}
        yield Put({"PK": pk, "SK": sk, "last": encode_point(0, 0, number), **named})
    for number, (name, context) in enumerate((datasets or {}).items()):
        yield Put(
            {
                "PK": pk,
                "SK": dataset_input_sk(name),
                "name": name,
                "digest": "1",
                "tags": [["mlflow.data.context", context]],
                "generation": "g",
                "parts": 1,
                "t": 0,
                "s": number,
            }
        )
