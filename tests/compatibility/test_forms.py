"""The form of an entity: written on META, read in every older form, refused in a newer one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import (
    EXPERIMENT,
    MODEL,
    REGISTERED_MODEL,
    RUN,
    TRACE,
    Entity,
)
from dynamodbstore_events.keys import META, WEBHOOK
from dynamodbstore_projections.all import search_projections
from dynamodbstore_projections.config import Config
from dynamodbstore_projections.projector import Projector
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import NewerForm
from dynamodbstore_table.items.forms import STEPS, check_form, current, newest_form
from dynamodbstore_table.port import Table, Update
from dynamodbstore_table.testing.counting import CountingTable, Meter
from mlflow.entities import LoggedModelTag, Metric, Param, RunStatus, RunTag, ViewType
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.compatibility.contents import ENCRYPTION_KEY, write_contents
from tests.traces.made import new_span, new_trace_id, new_trace_info
from tests.tracking.stores import new_run, refused, store_on

KINDS = (EXPERIMENT, RUN, MODEL, REGISTERED_MODEL, TRACE, WEBHOOK)


@dataclass(frozen=True)
class World:
    """Both stores on one file, with one entity of each kind."""

    table: Table
    tracking: DynamoTrackingStore
    registry: DynamoRegistryStore
    ids: dict[str, str]

    def meta(self, kind: str) -> dict[str, Any]:
        found = self.table.get((f"{kind}#{self.ids[kind]}", META))
        assert found is not None
        return found

    def set(self, kind: str, **attributes: Any) -> None:
        self.table.write(Update((f"{kind}#{self.ids[kind]}", META), set=attributes))

    def remove(self, kind: str, attribute: str) -> None:
        self.table.write(Update((f"{kind}#{self.ids[kind]}", META), remove=(attribute,)))

    def reopened(self, table: Table | None = None) -> World:
        """The same for a process that remembers nothing."""
        table = table or self.table
        tracking = DynamoTrackingStore(table, "s3://bucket")
        return World(table, tracking, DynamoRegistryStore(table), self.ids)

    def remote(self) -> World:
        """The same as over a network, where reads name the attributes that they want."""
        return self.reopened(CountingTable(self.table, Meter()))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    tracking, registry = store_on(table, tmp_path), DynamoRegistryStore(table)
    experiment_id = tracking.create_experiment("zoo")
    run_id = new_run(tracking, experiment_id)
    tracking.log_metric(run_id, Metric("loss", 0.5, 1, 0))
    model_id = tracking.create_logged_model(experiment_id, "lion").model_id
    registry.create_registered_model("tiger")
    (model,) = _models(table)
    event = WebhookEvent(WebhookEntity.REGISTERED_MODEL, WebhookAction.CREATED)
    webhook = registry.create_webhook("hook", "https://127.0.0.1/hook", [event])
    trace = tracking.start_trace(new_trace_info(new_trace_id(), experiment_id))
    tracking.log_spans(experiment_id, [new_span(trace.trace_id)])
    ids = {
        EXPERIMENT: experiment_id,
        RUN: run_id,
        MODEL: model_id,
        REGISTERED_MODEL: model,
        TRACE: trace.trace_id,
        WEBHOOK: webhook.webhook_id,
    }
    yield World(table, tracking, registry, ids)
    table.close()


def _every_item(table: Table) -> Iterator[dict[str, Any]]:
    page = table.scan()
    yield from page.items
    while page.next is not None:
        page = table.scan(start=page.next)
        yield from page.items


def _models(table: Table) -> list[str]:
    pks = [item["PK"] for item in table.scan().items if item["SK"] == META]
    return [pk.partition("#")[2] for pk in pks if pk.startswith(f"{REGISTERED_MODEL}#")]


READING: dict[str, tuple[Callable[[World], Any], ...]] = {
    EXPERIMENT: (
        lambda w: w.tracking.get_experiment(w.ids[EXPERIMENT]),
        lambda w: w.tracking.get_experiment_by_name("zoo"),
        lambda w: w.tracking.search_experiments(ViewType.ALL),
    ),
    RUN: (
        lambda w: w.tracking.get_run(w.ids[RUN]),
        lambda w: w.tracking.search_runs([w.ids[EXPERIMENT]], None, ViewType.ALL),
    ),
    MODEL: (
        lambda w: w.tracking.get_logged_model(w.ids[MODEL]),
        lambda w: w.tracking.search_logged_models([w.ids[EXPERIMENT]]),
    ),
    REGISTERED_MODEL: (
        lambda w: w.registry.get_registered_model("tiger"),
        lambda w: w.registry.search_registered_models(),
    ),
    TRACE: (
        lambda w: w.tracking.get_trace_info(w.ids[TRACE]),
        lambda w: w.tracking.get_trace(w.ids[TRACE], allow_partial=True),
    ),
    WEBHOOK: (
        lambda w: w.registry.get_webhook(w.ids[WEBHOOK]),
        lambda w: w.registry.list_webhooks(),
    ),
}
WRITING: dict[str, tuple[Callable[[World], Any], ...]] = {
    EXPERIMENT: (
        lambda w: w.tracking.rename_experiment(w.ids[EXPERIMENT], "park"),
        lambda w: w.tracking.create_run(w.ids[EXPERIMENT], "ada", 1, [], "x"),
        lambda w: w.tracking._hard_delete_experiment(w.ids[EXPERIMENT]),
    ),
    RUN: (
        lambda w: w.tracking.set_tag(w.ids[RUN], RunTag("a", "b")),
        lambda w: w.tracking.log_param(w.ids[RUN], Param("a", "b")),
        lambda w: w.tracking.log_batch(w.ids[RUN], [Metric("m", 1, 1, 1)], [], []),
        lambda w: w.tracking.update_run_info(w.ids[RUN], RunStatus.FINISHED, 2, "x"),
        lambda w: w.tracking._hard_delete_run(w.ids[RUN]),
    ),
    MODEL: (
        lambda w: w.tracking.set_logged_model_tags(w.ids[MODEL], [LoggedModelTag("a", "b")]),
        lambda w: w.tracking._hard_delete_logged_model(w.ids[MODEL]),
    ),
    REGISTERED_MODEL: (
        lambda w: w.registry.update_registered_model("tiger", "striped"),
        lambda w: w.registry.rename_registered_model("tiger", "puma"),
        lambda w: w.registry.create_model_version("tiger", "s3://bucket"),
        lambda w: w.registry.delete_registered_model("tiger"),
    ),
    TRACE: (
        lambda w: w.tracking.set_trace_tag(w.ids[TRACE], "a", "b"),
        lambda w: w.tracking.delete_trace_tag(w.ids[TRACE], "a"),
    ),
    WEBHOOK: (lambda w: w.registry.update_webhook(w.ids[WEBHOOK], name="other"),),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_entity_names_its_form(world: World, kind: str) -> None:
    assert world.meta(kind)["v"] == newest_form(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entity_without_a_form_has_the_first(world: World, kind: str) -> None:
    # Given an entity that an earlier version has written
    expected = [str(read(world)) for read in READING[kind]]
    world.remove(kind, "v")

    # Then it is read as ever
    assert [str(read(world.reopened())) for read in READING[kind]] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_an_entity_of_a_newer_form_is_neither_read_nor_changed(world: World, kind: str) -> None:
    # Given an entity that a later version has written
    world.set(kind, v=newest_form(kind) + 1)
    before = sorted(world.table.scan().items, key=str)

    for method in (*READING[kind], *WRITING[kind]):
        for process in (world.reopened(), world.remote()):
            # Then this one is to be upgraded
            with refused("INVALID_STATE") as raised:
                method(process)
            assert "upgrade the package" in raised.value.message
    assert sorted(world.table.scan().items, key=str) == before


def test_spans_are_not_added_to_a_trace_of_a_newer_form(world: World) -> None:
    # Given a trace that a later version has written
    world.set(TRACE, v=newest_form(TRACE) + 1)
    before = world.meta(TRACE)

    # When spans are logged by a process that does not know it
    with refused("INVALID_STATE"):
        world.reopened().tracking.log_spans(world.ids[EXPERIMENT], [new_span(world.ids[TRACE])])

    # Then its META, without which nobody reads a batch of spans, is as it was
    assert world.meta(TRACE) == before


@pytest.mark.parametrize("form", [0, -1, "2", None])
def test_a_form_that_is_no_number_of_a_form_is_refused(world: World, form: object) -> None:
    world.set(RUN, v=form)

    with refused("INVALID_STATE"):
        world.reopened().tracking.get_run(world.ids[RUN])


def test_the_projections_of_an_entity_of_a_newer_form_are_left_alone(world: World) -> None:
    # Given the functions of this version, and a run that a later one has written
    other = new_run(world.tracking)
    world.set(RUN, v=newest_form(RUN) + 1)
    projector = Projector(world.table, search_projections(), Config)
    pks = [f"RUN#{world.ids[RUN]}", f"RUN#{other}"]

    # When both runs have changed
    report = projector.project([ChangeEvent(pk, META) for pk in pks])

    # Then that one is reported as failed, to be done again, and the other is done
    assert set(report.failed) == {Entity(RUN, world.ids[RUN])}
    assert isinstance(report.failed[Entity(RUN, world.ids[RUN])], NewerForm)
    partitions = {item["PK"] for item in world.table.scan().items}
    assert f"FTSMARK#RUN#{other}" in partitions
    assert f"FTSMARK#RUN#{world.ids[RUN]}" not in partitions


class TestASecondForm:
    """This version, were it one with a further form of runs."""

    @pytest.fixture
    def second(self, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
        # In the second form the user is "user", as a later version may find better.
        def step(meta: dict[str, Any]) -> dict[str, Any]:
            return {**meta, "user_id": f"user {meta['user_id']}"}

        monkeypatch.setitem(STEPS, RUN, (step,))  # type: ignore[arg-type]
        return world.reopened()

    def test_second_form_is_made_of_the_first_as_that_is_read(self, second: World) -> None:
        run_id = second.ids[RUN]
        (found,) = second.tracking.search_runs([second.ids[EXPERIMENT]], None, ViewType.ALL)

        assert second.tracking.get_run(run_id).info.user_id == "user ada"
        assert found.info.user_id == "user ada"
        assert second.meta(RUN)["v"] == 1

    def test_second_form_is_read_from_summaries_too(self, second: World) -> None:
        run_id = second.ids[RUN]
        second.tracking.update_run_info(run_id, RunStatus.FINISHED, 2, None)
        projector = Projector(second.table, search_projections(), Config)
        assert projector.project([ChangeEvent(f"RUN#{run_id}", META)]).failed == {}

        (found,) = second.tracking.search_runs([second.ids[EXPERIMENT]], None, ViewType.ALL)

        assert found.info.user_id == "user ada"

    def test_second_form_is_what_new_entities_have(self, second: World) -> None:
        run_id = new_run(second.tracking, second.ids[EXPERIMENT])

        found = second.table.get((f"RUN#{run_id}", META))

        assert found is not None
        assert found["v"] == 2
        assert second.tracking.get_run(run_id).info.user_id == "ada"


def test_current_takes_every_step_from_an_items_form_on() -> None:
    steps = {RUN: (lambda m: {**m, "b": m["a"]}, lambda m: {**m, "c": m["b"]})}

    first = current(RUN, {"PK": "RUN#1", "a": 1}, steps)
    second = current(RUN, {"PK": "RUN#1", "b": 1, "v": 2}, steps)
    third = {"PK": "RUN#1", "c": 1, "v": 3}

    assert first == {"PK": "RUN#1", "a": 1, "b": 1, "c": 1, "v": 3}
    assert second == {"PK": "RUN#1", "b": 1, "c": 1, "v": 3}
    assert current(RUN, third, steps) is third


def test_check_form_takes_a_kind_without_forms_for_one_of_the_first() -> None:
    check_form("EXPIRED", {"PK": "EXPIRED#RUN#1"})
    with pytest.raises(NewerForm, match="form 2, this one knows forms up to 1"):
        check_form("EXPIRED", {"PK": "EXPIRED#RUN#1", "v": 2})


def test_every_meta_item_that_the_stores_write_names_its_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given everything that can be kept
    monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", ENCRYPTION_KEY)
    table = SqliteTable(tmp_path / "store.ddb", durability="process")
    table.create()
    tracking = store_on(table, tmp_path)
    write_contents(tracking, DynamoRegistryStore(table))
    tracking.start_trace(new_trace_info(new_trace_id()))

    # Then no entity was written without its form
    found: dict[str, set[object]] = {}
    for item in _every_item(table):
        if item["SK"] == META:
            found.setdefault(item["PK"].partition("#")[0], set()).add(item.get("v"))
    assert found == {kind: {newest_form(kind)} for kind in KINDS}
    table.close()
