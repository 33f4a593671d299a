"""Canonical items of experiments and runs, as a store writes them, for projections to look at."""

from __future__ import annotations

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import EXPERIMENT, RUN, Entity
from dynamodbstore_events.keys import META, experiment_pk, run_pk, tag_sk
from dynamodbstore_table.items.texts import text_items
from dynamodbstore_table.port import Delete, Item, Put, Table, Update

EXPERIMENT_ID = "7"
WORKSPACE = "default"
RUN_NAME = "mlflow.runName"
NOTE = "mlflow.note.content"


def run_entity(run_id: str) -> Entity:
    return Entity(RUN, run_id)


def experiment_entity(experiment_id: str = EXPERIMENT_ID) -> Entity:
    return Entity(EXPERIMENT, experiment_id)


def put_run(table: Table, run_id: str, name: str | None = None, **tags: str | None) -> None:
    """A run whose tags are these; its name is a tag too."""
    meta = {"experiment_id": EXPERIMENT_ID, "name": name, "stage": "active", "epoch": 0}
    table.write(Put({"PK": run_pk(run_id), "SK": META, **meta}))
    if name is not None:
        put_tag(table, run_pk(run_id), RUN_NAME, name)
    for key, value in tags.items():
        put_tag(table, run_pk(run_id), key, value)


def put_experiment(table: Table, name: str, experiment_id: str = EXPERIMENT_ID) -> None:
    """An experiment without tags."""
    meta = {"workspace": WORKSPACE, "name": name, "stage": "active", "epoch": 0}
    table.write(Put({"PK": experiment_pk(experiment_id), "SK": META, **meta}))


def rename_run(table: Table, run_id: str, name: str) -> None:
    """Give a run another name, as the store does."""
    key = (run_pk(run_id), META)
    tag = text_items(run_pk(run_id), tag_sk(RUN_NAME), RUN_NAME, name).item
    table.write(Update(key, set={"name": name}), Put(tag))


def put_tag(table: Table, pk: str, key: str, value: str | None) -> None:
    """Set a tag of the entity under a partition key."""
    items = text_items(pk, tag_sk(key), key, value)
    if items.parts:
        table.bulk(items.parts)
    table.write(Put(items.item))


def delete_tag(table: Table, pk: str, key: str) -> None:
    """Delete a tag of the entity under a partition key."""
    table.write(Delete((pk, tag_sk(key))))


def delete_entity(table: Table, pk: str) -> None:
    """Delete a partition with all of its items, META last."""
    items = list(table.query_all(pk))
    for item in sorted(items, key=lambda item: item["SK"] == META):
        table.write(Delete((pk, item["SK"])))


def everything(table: Table, *beginnings: str) -> dict[tuple[str, str], Item]:
    """Every item of the table whose partition key begins so, by key."""
    items: dict[tuple[str, str], Item] = {}
    start = None
    while True:
        page = table.scan(start=start)
        found = (item for item in page.items if item["PK"].startswith(beginnings))
        items |= {(item["PK"], item["SK"]): item for item in found}
        if page.next is None:
            return items
        start = page.next


def changed(pk: str, sk: str, *, removed: bool = False) -> ChangeEvent:
    """The event of a change of one item."""
    return ChangeEvent(pk, sk, removed=removed)
