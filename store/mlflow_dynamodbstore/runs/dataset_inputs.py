"""Dataset inputs of runs: items to MLflow's entities, many runs at once.

A run's input item names the body of its dataset itself, so that reading it needs no header.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from dynamodbstore_events.keys import dataset_input_sk, run_pk
from dynamodbstore_table.port import Item, Table
from mlflow.entities import Dataset, DatasetInput, InputTag

from mlflow_dynamodbstore.core.memory import Recent
from mlflow_dynamodbstore.runs.dataset_bodies import BodyRef, read_body

_PREFIX = dataset_input_sk("")
_REMEMBERED_BYTES = 32 * 1024 * 1024
_LARGEST_REMEMBERED = 4 * 1024 * 1024


# A body never changes: what is remembered is never stale.
_memories: WeakKeyDictionary[Table, Recent[BodyRef, Dataset]] = WeakKeyDictionary()
_memories_lock = threading.Lock()


def _memory_of(table: Table) -> Recent[BodyRef, Dataset]:
    with _memories_lock:
        memory = _memories.get(table)
        if memory is None:
            memory = _memories[table] = Recent(_REMEMBERED_BYTES)
        return memory


def input_item(
    run_id: str, dataset_input: DatasetInput, body: BodyRef, now_ms: int, position: int
) -> Item:
    """The item of a run's dataset input; time and position keep the order of logging."""
    dataset = dataset_input.dataset
    return {
        "PK": run_pk(run_id),
        "SK": dataset_input_sk(body.dataset_hash),
        "name": dataset.name,
        "digest": dataset.digest,
        "tags": [[tag.key, tag.value] for tag in dataset_input.tags],
        "generation": body.generation,
        "parts": body.parts,
        "t": now_ms,
        "s": position,
    }


def input_body(item: Mapping[str, Any]) -> BodyRef:
    """Which body the dataset of an input item has."""
    return BodyRef(item["SK"][len(_PREFIX) :], item["generation"], item["parts"])


def load_dataset_inputs(
    table: Table, input_items_by_run: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[DatasetInput]]:
    """The dataset inputs of many runs, by run, from their ``INPUT#DATASET#`` items.

    They stand in the order in which they were logged. Each body is read once, all of them in one
    batch, and only if this process doesn't know it.
    """
    memory = _memory_of(table)
    known: dict[BodyRef, Dataset] = {}
    missing: dict[BodyRef, Mapping[str, Any]] = {}
    for items in input_items_by_run.values():
        for item in items:
            body = input_body(item)
            if body in known or body in missing:
                continue
            if (dataset := memory.get(body)) is not None:
                known[body] = dataset
            else:
                missing[body] = item
    if missing:
        found = table.batch_get([key for body in missing for key in body.part_keys()])
        for body, item in missing.items():
            read = read_body(body, item["name"], item["digest"], found)
            if read is not None:
                known[body], size = read
                if size <= _LARGEST_REMEMBERED:
                    memory.put(body, known[body], size)
    return {
        run_id: [
            DatasetInput(known[body], [InputTag(key, value) for key, value in item["tags"]])
            for item in sorted(items, key=_logged)
            if (body := input_body(item)) in known
        ]
        for run_id, items in input_items_by_run.items()
    }


def _logged(item: Mapping[str, Any]) -> tuple[int, int]:
    return item["t"], item["s"]
