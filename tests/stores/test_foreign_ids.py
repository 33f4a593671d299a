"""Ids and names of another workspace: every method does what it does for those of nothing at all.

Two workspaces share a table. Each call is made with the other workspace's ids and with ids that
nobody has: the outcome is the same, and nothing of the other workspace has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Item, Table
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.core.scope import Scope
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.stores.foreign import (
    OTHER_ARGUMENTS,
    REGISTRY,
    REGISTRY_WITHOUT_A_NAME,
    TRACKING,
    WITHOUT_AN_ID,
    Call,
    Ids,
    fill_registry,
    fill_tracking,
)
from tests.traces.made import new_span, new_trace_info

OURS, THEIRS = Scope("ours", shared=True), Scope("theirs", shared=True)
NOBODY_S = Ids()


@dataclass(frozen=True)
class Shared:
    """A table with two workspaces: our stores, and the ids of what each workspace has."""

    table: Table
    tracking: DynamoTrackingStore
    registry: DynamoRegistryStore
    ours: Ids
    theirs: Ids


def stores_on(table: Table, scope: Scope) -> tuple[DynamoTrackingStore, DynamoRegistryStore]:
    tracking = DynamoTrackingStore(table, "s3://bucket", scope=scope)
    return tracking, DynamoRegistryStore(table, scope=scope)


@pytest.fixture(scope="module", params=["a file", "a remote table"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shared]:
    """On a file nothing is remembered, on a remote table nearly everything."""
    file = SqliteTable(tmp_path_factory.mktemp("shared") / "t.ddb", durability="process")
    file.create()
    table: Table = file if request.param == "a file" else CountingTable(file, Meter())
    tracking, registry = stores_on(table, OURS)
    their_tracking, their_registry = stores_on(table, THEIRS)
    with pytest.MonkeyPatch.context() as patch:
        # Lest the name in a webhook's URL be resolved.
        patch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        yield Shared(
            table,
            tracking,
            registry,
            fill_registry(registry, fill_tracking(tracking), "ours"),
            fill_registry(their_registry, fill_tracking(their_tracking), "theirs"),
        )
    file.close()


def outcome(call: Call, store: Any, ids: Ids, own: Ids) -> str:
    """What a call returns or raises, without the ids."""
    try:
        returned = call(store, ids, own)
    except MlflowException as error:
        return ids.hidden(f"{error.error_code}: {error.message}")
    return ids.hidden(repr(returned))


def everything(table: Table) -> list[Item]:
    page = table.scan()
    items = list(page.items)
    while page.next is not None:
        page = table.scan(start=page.next)
        items += page.items
    return sorted(items, key=lambda item: (item["PK"], item["SK"]))


@pytest.mark.parametrize("method", [*TRACKING, *OTHER_ARGUMENTS])
def test_a_foreign_id_is_to_the_tracking_store_as_an_unknown_one(
    shared: Shared, method: str
) -> None:
    call = (TRACKING | OTHER_ARGUMENTS)[method]
    unknown = outcome(call, shared.tracking, NOBODY_S, shared.ours)
    before = everything(shared.table)

    assert outcome(call, shared.tracking, shared.theirs, shared.ours) == unknown
    assert everything(shared.table) == before


@pytest.mark.parametrize("method", REGISTRY)
def test_a_foreign_name_is_to_the_registry_as_an_unknown_one(shared: Shared, method: str) -> None:
    call = REGISTRY[method]
    unknown = outcome(call, shared.registry, NOBODY_S, shared.ours)
    before = everything(shared.table)

    assert outcome(call, shared.registry, shared.theirs, shared.ours) == unknown
    assert everything(shared.table) == before


@pytest.mark.parametrize("method", [*TRACKING, *OTHER_ARGUMENTS])
def test_what_a_store_remembers_of_one_workspace_is_not_seen_from_another(
    shared: Shared, method: str
) -> None:
    # given a store that has just seen everything from within the other workspace
    call = (TRACKING | OTHER_ARGUMENTS)[method]
    scope = Scope(THEIRS.workspace, shared=True)
    store = DynamoTrackingStore(shared.table, "s3://bucket", scope=scope)
    store.get_run(shared.theirs.run)
    store.set_tag(shared.theirs.run, RunTag("seen", "yes"))
    store.get_logged_model(shared.theirs.model)
    store.log_metric(shared.theirs.run, Metric("acc", 0.5, 1, 1, model_id=shared.theirs.model))
    store.get_metric_history(shared.theirs.run, "loss", 1)
    store.set_trace_tag(shared.theirs.trace, "seen", "yes")
    # when the next call comes from ours
    object.__setattr__(scope, "workspace", OURS.workspace)
    before = everything(shared.table)

    assert outcome(call, store, shared.theirs, shared.ours) == outcome(
        call, shared.tracking, NOBODY_S, shared.ours
    )
    assert everything(shared.table) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda s, i, own: s.start_trace(new_trace_info(i.trace, own.experiment)),
        lambda s, i, own: s.log_spans(own.experiment, [new_span(i.trace, name="stolen")]),
    ],
    ids=["start_trace", "log_spans"],
)
def test_a_trace_of_another_workspace_is_neither_moved_nor_merged_with(
    shared: Shared, call: Call
) -> None:
    before = everything(shared.table)

    with pytest.raises(MlflowException) as raised:
        call(shared.tracking, shared.theirs, shared.ours)

    assert raised.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert everything(shared.table) == before


def test_the_garbage_collector_finds_nothing_of_another_workspace(shared: Shared) -> None:
    runs = shared.tracking._get_deleted_runs()

    assert runs == [shared.ours.deleted_run]


def test_a_name_of_another_workspace_is_free(shared: Shared) -> None:
    assert shared.tracking.get_experiment_by_name("cats").experiment_id == shared.ours.experiment
    assert {e.experiment_id for e in shared.tracking.search_experiments()} == {
        shared.ours.experiment
    }


def test_every_method_is_tried() -> None:
    tracking, registry = DynamoTrackingStore.offered, DynamoRegistryStore.offered

    assert tracking.keys() - WITHOUT_AN_ID == TRACKING.keys()
    assert registry.keys() - REGISTRY_WITHOUT_A_NAME == REGISTRY.keys() & registry.keys()


def test_the_only_workspace_of_a_table_shows_nothing_of_another(shared: Shared) -> None:
    store, _ = stores_on(shared.table, Scope())

    for call in (
        lambda: store.get_experiment(shared.theirs.experiment),
        lambda: store.get_run(shared.theirs.run),
        lambda: store.set_tag(shared.theirs.run, RunTag("team", "thieves")),
        lambda: store.log_metric(shared.theirs.run, Metric("loss", 1.0, 1, 1)),
    ):
        with pytest.raises(MlflowException) as raised:
            call()
        assert raised.value.error_code == "RESOURCE_DOES_NOT_EXIST"
