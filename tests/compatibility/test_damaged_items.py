"""Items that others have left in the table: nobody fails on them, status and replay name them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from dynamodbstore_events.attribute_values import decode_image
from dynamodbstore_events.entities import RUN, Entity
from dynamodbstore_events.keys import META
from dynamodbstore_events.shapes import KINDS, fault_of
from dynamodbstore_projections.all import all_projections
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.expiry.sweep import remove_expired
from dynamodbstore_projections.passed_over import PassedOver
from dynamodbstore_projections.projector import Projector
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.errors import DamagedItem, TableError
from dynamodbstore_table.port import Item, Put
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.entry import registry_store, tracking_store

from tests.commands.cli import DONE, FAILED, run, run_json
from tests.compatibility.answers import aging_answers, registry_answers, tracking_answers
from tests.compatibility.clock import days_from_now
from tests.compatibility.contents import ENCRYPTION_KEY, Ids, write_contents
from tests.compatibility.damages import Damage, damages
from tests.compatibility.test_old_fixtures import FIXTURES, _images, _json, _load_into_file

ITEMS = [decode_image(image) for image in _images(FIXTURES[0])]
ALL = list(damages(ITEMS))
EVERY_ATTRIBUTE = list({(str(d).partition(" =")[0]): d for d in ALL}.values())
REGISTRY = ("RM", "WEBHOOK", "NAME")


@pytest.fixture(autouse=True)
def _at_the_date_of_the_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", ENCRYPTION_KEY)
    with days_from_now(0):
        yield


class Populated:
    """A file with everything that a store keeps, in which items can be damaged."""

    def __init__(self, path: Path) -> None:
        _load_into_file(FIXTURES[0], path)
        self.uri = f"dynamodb:///{path}"
        self.table = SqliteTable(path, durability="process")
        recorded = _json(FIXTURES[0] / "table.json.gz")
        self.ids: Ids = dict(recorded["lasting"])
        self.every_id: Ids = {**self.ids, **recorded["aging"]}

    def read_all(self, kind: str = "") -> None:
        """Call every method that reads, of a store that has just been opened."""
        if kind in REGISTRY or not kind:
            registry = registry_store(self.uri)
            registry_answers(registry, self.ids)
            registry._table.close()
        if kind not in ("RM", "WEBHOOK"):
            tracking = tracking_store(self.uri, "s3://bucket/artifacts")
            tracking_answers(tracking, self.ids)
            aging_answers(tracking, self.every_id)
            tracking._table.close()

    def command(self, *words: str) -> Result:
        return run(*words, "--store-uri", self.uri)


@pytest.fixture
def populated(tmp_path: Path) -> Iterator[Populated]:
    found = Populated(tmp_path / "damaged.ddb")
    yield found
    found.table.close()


def looked_at(populated: Populated, damage: Damage) -> None:
    """Damage an item, let everything look at it, and put it back."""
    populated.table.write(Put(damage.item))
    kind = damage.key[0].partition("#")[0]
    try:
        only_mlflow_errors(lambda: populated.read_all(kind), damage)
        tried(populated, damage)
        assert named_by("replay", "--verify", populated=populated, damage=damage)
    finally:
        populated.table.write(Put(damage.before))


def only_mlflow_errors(call: Callable[[], Any], damage: Damage) -> None:
    try:
        call()
    except MlflowException:
        # A configuration that can't be used is named when a store is opened.
        if damage.key[0] != "CONFIG":
            raise


def tried(populated: Populated, damage: Damage) -> None:
    """What functions and the sweep do, with the entity that is damaged."""
    table, config = populated.table, ConfigSource(populated.table).current
    kind, _, entity_id = damage.key[0].partition("#")
    projector = Projector(table, all_projections(), config)
    try:
        report = projector.project_entities([Entity(kind, entity_id)])
        for error in report.failed.values():
            assert isinstance(error, TableError), f"{damage}: {error!r}"
        remove_expired(table, config, seconds=5)
    except TableError:
        if damage.key[0] != "CONFIG":
            raise


def named_by(*words: str, populated: Populated, damage: Damage) -> bool:
    """Whether a command ends as it should, and names the item if its shape shows the damage."""
    done = populated.command(*words)
    assert done.exception is None or isinstance(done.exception, SystemExit), f"{damage}: {done}"
    now = populated.table.get(damage.key)
    # A projection may have put its own attributes right meanwhile.
    healed = now is None or fault_of(now) is None
    return healed or f"{damage.key[0]} {damage.key[1]}: " in done.output


@pytest.mark.parametrize("seed", range(3))
def test_everything_passes_over_a_damaged_item(populated: Populated, seed: int) -> None:
    looked_at(populated, random.Random(seed * 7919).choice(EVERY_ATTRIBUTE))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
@pytest.mark.timeout(900)
def test_everything_passes_over_every_damaged_attribute(populated: Populated, part: int) -> None:
    for damage in EVERY_ATTRIBUTE[part::8]:
        looked_at(populated, damage)


def test_a_search_passes_over_a_damaged_run_and_finds_the_others(populated: Populated) -> None:
    store = tracking_store(populated.uri, "s3://bucket/artifacts")
    home = populated.ids["exp-tagged"]
    runs = [r.info.run_id for r in store.search_runs([home], "", 1, 100)]
    meta = populated.table.get((f"RUN#{runs[0]}", META))
    assert meta is not None
    populated.table.write(Put({**meta, "start_time": "yesterday"}))

    for filter_string in ("", "attributes.start_time > 5", "tags.nothing != 'x'"):
        found = [r.info.run_id for r in store.search_runs([home], filter_string, 1, 100)]
        assert runs[0] not in found
    assert [r.info.run_id for r in store.search_runs([home], "", 1, 100)] == runs[1:]
    with pytest.raises(MlflowException, match="not found"):
        store.get_run(runs[0])
    with pytest.raises(MlflowException):
        store.set_tag(runs[0], RunTag("a", "b"))


def test_a_damaged_tag_is_passed_over_and_the_run_read(populated: Populated) -> None:
    run_id = populated.ids["run-full"]
    tag = next(i for i in ITEMS if i["PK"] == f"RUN#{run_id}" and i["SK"].startswith("TAG#t"))
    populated.table.write(Put({**tag, "v": b"no text"}))
    store = tracking_store(populated.uri, "s3://bucket/artifacts")

    found = store.get_run(run_id)

    assert tag["SK"].partition("#")[2] not in found.data.tags
    assert found.data.params


@pytest.mark.parametrize(
    "damage",
    [
        "RM VERSION: created missing",
        "RM VERSION: source missing",
        "LM METRIC: dataset_digest missing",
        "RUN INPUT DATASET: name missing",
    ],
)
@pytest.mark.timeout(20)
def test_what_refers_to_a_damaged_item_is_answered_soon(populated: Populated, damage: str) -> None:
    looked_at(populated, next(d for d in EVERY_ATTRIBUTE if str(d) == damage))


def test_a_mistake_of_a_caller_stays_one(populated: Populated) -> None:
    store = tracking_store(populated.uri, "s3://bucket/artifacts")

    with pytest.raises(MlflowException):
        store.search_runs(5, "", 1, 100)

    assert not store._table.checks_shapes


FOREIGN: list[Item] = [
    {"PK": "ORDER#17", "SK": "LINE#1", "price": 5},
    {"PK": "plain", "SK": "plain"},
    {"PK": "RUN#", "SK": META},
    {"PK": "EXP", "SK": META, "gsi1pk": "EXPERIMENTS#default", "gsi1sk": "0"},
    {"PK": "RUN#1#2", "SK": "P"},
    {"PK": "LM#m", "SK": "TAG#+"},
    {"PK": "FTSMARK#RUN#x", "SK": "name"},
    {"PK": "SUMMARY#x", "SK": "SUMMARY"},
    {"PK": "EXPIRED#RUN#x", "SK": META, "gsi2pk": "EXPIRING", "gsi2sk": "0"},
]


@pytest.mark.parametrize("item", FOREIGN, ids=lambda item: f"{item['PK']} {item['SK']}")
def test_an_item_of_others_disturbs_nobody_and_is_named(populated: Populated, item: Item) -> None:
    populated.table.write(Put(item))

    populated.read_all()

    for command in (("replay",), ("replay", "--verify"), ("status",)):
        done = populated.command(*command)
        assert done.exit_code in (DONE, FAILED), done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
    known = item["PK"].partition("#")[0] in KINDS
    seen = run_json("replay", "--verify", "--store-uri", populated.uri)["passed_over"]
    named = [*seen["damaged"]["examples"], *seen["foreign"]["examples"]]
    healed = item["PK"].startswith(("FTSMARK", "SUMMARY"))
    assert healed or item["PK"] in {found["PK"] for found in named}
    assert bool(seen["damaged"]["count"]) == known


def test_replay_sets_its_marks_beside_a_damaged_item_and_ends_with_1(
    populated: Populated,
) -> None:
    populated.table.write(Put({"PK": "RUN#other", "SK": META, "status": 5}))

    done = run_json("replay", "--store-uri", populated.uri)
    ended = populated.command("replay")

    assert set(done["built"]) >= {"summary", "fts:name", "tags:mlflow.*"}
    assert done["failed"] == {}
    assert done["passed_over"]["damaged"]["examples"][0]["PK"] == "RUN#other"
    assert ended.exit_code == FAILED
    assert "no replay mends" in ended.output


def test_a_projector_names_the_item_that_it_can_not_read(populated: Populated) -> None:
    run_id = populated.ids["run-full"]
    meta = populated.table.get((f"RUN#{run_id}", META))
    assert meta is not None
    populated.table.write(Put({n: v for n, v in meta.items() if n != "status"}))
    projector = Projector(populated.table, all_projections(), ConfigSource(populated.table).current)

    report = projector.project_entities([Entity(RUN, run_id)])

    (error,) = report.failed.values()
    assert isinstance(error, DamagedItem)
    assert error.key == (f"RUN#{run_id}", META)
    assert error.fault == "status is missing"


def test_items_of_the_store_itself_have_no_fault() -> None:
    found = PassedOver()

    found.look_at(ITEMS, all_projections())

    assert not found.damaged
    assert not found.foreign


def test_what_the_store_writes_now_has_no_fault(tmp_path: Path) -> None:
    uri = f"dynamodb:///{tmp_path / 'new.ddb'}"
    tracking, registry = tracking_store(uri, "s3://bucket/artifacts"), registry_store(uri)
    write_contents(tracking, registry)
    found, start = PassedOver(), None

    while True:
        page = tracking._table.scan(start=start)
        found.look_at(page.items, all_projections())
        if (start := page.next) is None:
            break

    assert not found.damaged
    assert not found.foreign
