"""What a run, and looking at runs, takes: measured on an embedded table by DynamoDB's rules."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from cost_model import Measured, Taken
from dynamodbstore_events.keys import META
from dynamodbstore_projections.all import kept_by_all, search_projections
from dynamodbstore_projections.built import mark_built
from dynamodbstore_table.item_size import item_size
from dynamodbstore_table.port import Item, Table
from dynamodbstore_table.schema import INDEX_KEYS, LOOKUP_ATTRIBUTES
from fixtures import START_MS
from mlflow.entities import Metric, Param, RunStatus, RunTag
from operation import Store
from projecting import Deployment

STEPS = 500
METRICS = 5
CHANGES_A_BATCH = 50
RUNS_LISTED = 100
_ITEM_OVERHEAD_BYTES = 100


def measure() -> Measured:
    """Make one run of 500 steps, a page of 100 runs as large as that, and look at them."""
    now = time.monotonic()
    # What a process remembers for some seconds is not read again on a slow machine either.
    with tempfile.TemporaryDirectory() as folder, patch("time.monotonic", lambda: now):
        uri = f"dynamodb:///{folder}/costs.ddb?durability=process"
        deployment = Deployment(uri, Path(folder).as_uri(), metered=True)
        try:
            return _measured(deployment)
        finally:
            deployment.table.close()


def _measured(deployment: Deployment) -> Measured:
    mark_built(deployment.table, [p.name for p in search_projections()], kept_by_all())
    store = deployment.restarted()
    store.ensure_default_experiment()
    for number in range(RUNS_LISTED - 1):
        make_run(store, number, steps=1)
    deployment.project([deployment.taken()])
    bytes_before = stored_bytes(deployment.table)
    deployment.meter.take()
    run_id = make_run(store, RUNS_LISTED, steps=STEPS)
    usage = deployment.meter.take()
    events = deployment.taken()
    batches = [
        events[first : first + CHANGES_A_BATCH] for first in range(0, len(events), CHANGES_A_BATCH)
    ]
    functions = deployment.project(batches).usage
    return Measured(
        run=Taken(
            write_units=usage.write_units + functions.write_units,
            read_units=usage.read_units + functions.read_units,
            changes=len(events),
            meta_changes=sum(event.sk == META for event in events),
            # To the thousand: a number takes the more bytes, the fewer zeros it ends with.
            bytes=round(stored_bytes(deployment.table) - bytes_before, -3),
        ),
        run_list=_looked(deployment, lambda s: s.search_runs(["0"], "", 1, RUNS_LISTED)),
        run_page=_looked(deployment, lambda s: s.get_run(run_id)),
        chart=_looked(deployment, lambda s: s.get_metric_history(run_id, "metric 0")),
    )


def make_run(store: Store, number: int, *, steps: int) -> str:
    """A run of ``steps`` steps: its params, metrics and tags in a batch, then a batch a step."""
    tags = [RunTag("team", "red"), RunTag("mlflow.source.name", "train.py")]
    run = store.create_run("0", "ada", START_MS + number, tags, f"run {number:03}")
    run_id: str = run.info.run_id
    store.log_batch(
        run_id,
        [Metric(f"score {n}", n / 7, START_MS, 0) for n in range(10)],
        [Param(f"param {n}", f"value {n}") for n in range(10)],
        [RunTag(f"tag {n}", f"value {n}") for n in range(10)],
    )
    for step in range(steps):
        at = START_MS + step * 1000
        metrics = [Metric(f"metric {n}", 1 / (step + 3), at, step) for n in range(METRICS)]
        store.log_batch(run_id, metrics, [], [])
    store.update_run_info(run_id, RunStatus.FINISHED, START_MS + steps * 1000, None)
    return run_id


def stored_bytes(table: Table) -> int:
    """What DynamoDB would count as stored: items, and their copies in the indexes."""
    return sum(map(_bytes_of, _items(table)))


def _bytes_of(item: Item) -> int:
    size = item_size(item) + _ITEM_OVERHEAD_BYTES
    if INDEX_KEYS["GSI1"][0] in item:
        size += item_size(item) + _ITEM_OVERHEAD_BYTES
    if INDEX_KEYS["GSI2"][0] in item:
        entry = {name: item[name] for name in LOOKUP_ATTRIBUTES}
        size += item_size(entry) + _ITEM_OVERHEAD_BYTES
    return size


def _items(table: Table) -> Iterator[Item]:
    page = table.scan()
    yield from page.items
    while page.next is not None:
        page = table.scan(start=page.next)
        yield from page.items


def _looked(deployment: Deployment, look: Callable[[Store], object]) -> Taken:
    store = deployment.restarted()
    # What a server remembers it does not read again.
    look(store)
    deployment.meter.take()
    look(store)
    return Taken(read_units=deployment.meter.take().read_units)
