"""What older versions have written is read as they read it, and can be written to."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dynamodbstore_events.attribute_values import decode_image
from dynamodbstore_projections.all import search_projections
from dynamodbstore_projections.drivers.replay import Scope, compare
from dynamodbstore_projections.drivers.sources import TableScan
from dynamodbstore_projections.projection import Projection
from dynamodbstore_projections.ttl.projection import TtlProjection
from dynamodbstore_table.dynamodb.table import DynamoDBTable
from dynamodbstore_table.embedded.table import SqliteTable
from dynamodbstore_table.port import Put
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as SqlTracking
from mlflow_dynamodbstore.entry import registry_store, tracking_store

from tests.compatibility.answers import (
    Answers,
    aging_answers,
    condensed,
    labelled,
    registry_answers,
    tracking_answers,
)
from tests.compatibility.changes import change_everything
from tests.compatibility.clock import days_from_now
from tests.compatibility.contents import ENCRYPTION_KEY, Ids, write_contents
from tests.conftest import new_table_name
from tests.differential.sides import hurry

ARTIFACT_ROOT = "s3://bucket/artifacts"
FIXTURES = sorted(Path(__file__).parent.glob("written_by_*"))
EXPIRED = ("exp-expired", "run-expired", "run-inside-expired")
HISTORY = "run-old-history history of loss"
FILE, LOADED_FILE, ENDPOINT = "file", "file from the dump", "endpoint"


@dataclass(frozen=True)
class Old:
    """A store on what an old version has written, and what that version answered."""

    kind: str
    tracking: Any
    registry: Any
    recorded: dict[str, Any]

    @property
    def lasting(self) -> Ids:
        return dict(self.recorded["lasting"])

    @property
    def aging(self) -> Ids:
        return dict(self.recorded["aging"])


@pytest.fixture(autouse=True)
def _at_the_date_of_the_fixtures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", ENCRYPTION_KEY)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with days_from_now(0):
        yield


@pytest.fixture(params=[FILE, LOADED_FILE, ENDPOINT])
def old(request: pytest.FixtureRequest, tmp_path: Path, fixture: Path) -> Iterator[Old]:
    if request.param == ENDPOINT:
        url = request.getfixturevalue("dynoxide_endpoint")
        uri = f"dynamodb://{url}/{_load_into_endpoint(fixture, url)}"
    else:
        path = tmp_path / "old.ddb"
        (_unpack if request.param == FILE else _load_into_file)(fixture, path)
        uri = f"dynamodb:///{path}"
    recorded = _json(fixture / ("file.json.gz" if request.param == FILE else "table.json.gz"))
    tracking, registry = tracking_store(uri, ARTIFACT_ROOT), registry_store(uri)
    yield Old(request.param, tracking, registry, recorded)
    tracking._table.close()
    registry._table.close()


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name)
def fixture(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


def _unpack(fixture: Path, path: Path) -> None:
    with gzip.open(fixture / "file.ddb.gz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)


def _images(fixture: Path) -> list[dict[str, Any]]:
    with gzip.open(fixture / "table.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["Item"] for line in lines]


def _load_into_file(fixture: Path, path: Path) -> None:
    table = SqliteTable(path, durability="process")
    table.create()
    table.bulk(Put(decode_image(image)) for image in _images(fixture))
    table.close()


def _load_into_endpoint(fixture: Path, url: str) -> str:
    name = new_table_name()
    table = DynamoDBTable(name, endpoint_url=url)
    table.create()
    table.bulk(Put(decode_image(image)) for image in _images(fixture))
    table.close()
    return name


def _json(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        answers: dict[str, Any] = json.load(file)
    return answers


def _comparable(answers: Answers) -> Answers:
    """As it looks when it has been kept: integer keys as text, tuples as lists."""
    kept: Answers = json.loads(json.dumps(condensed(answers)))
    return kept


def test_an_old_store_answers_as_it_did_when_it_was_written(old: Old) -> None:
    # When everything is read that lasts
    tracking = _comparable(tracking_answers(old.tracking, old.lasting))
    registry = _comparable(registry_answers(old.registry, old.lasting))

    # Then it is what the old version answered
    _assert_same(tracking, old.recorded["tracking answers"])
    _assert_same(registry, old.recorded["registry answers"])


def _assert_same(found: Answers, expected: Answers) -> None:
    differing = {name for name in {*found, *expected} if found.get(name) != expected.get(name)}
    shown = {name: (found.get(name), expected.get(name)) for name in sorted(differing)}
    assert not differing, "\n".join(f"{name}: {str(v)[:1000]}" for name, v in shown.items())


def test_search_runs_gives_old_params_by_name(old: Old) -> None:
    # Given a run whose items don't hold the order in which they were logged
    run = old.tracking.get_run(old.lasting["run-full"])

    # Then what it has logged comes by name
    assert list(run.data.params) == sorted(run.data.params)
    assert list(run.data.tags) == sorted(run.data.tags)
    assert list(run.data.metrics) == sorted(run.data.metrics)


@dataclass(frozen=True)
class Expected:
    """What MLflow's SQL store has refused and answers after the same contents and changes."""

    refused: Answers
    tracking: Answers
    registry: Answers


@pytest.fixture(scope="module")
def by_sql(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    uri = f"sqlite:///{tmp_path_factory.mktemp('sql') / 'mlflow.db'}"
    with days_from_now(0), pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", ENCRYPTION_KEY)
        tracking, registry = SqlTracking(uri, ARTIFACT_ROOT), SqlRegistry(uri)
        hurry(tracking.engine)
        hurry(registry.engine)
        with tracking.engine.begin() as connection:
            # The next experiments get ids that are not those of anything else.
            connection.exec_driver_sql(
                "INSERT INTO experiments (experiment_id, name, lifecycle_stage, workspace)"
                " VALUES (1000000, 'unused', 'active', 'default')"
            )
        ids = write_contents(tracking, registry)
        refused = change_everything(tracking, registry, ids)
        expected = Expected(
            refused,
            labelled(_comparable(tracking_answers(tracking, ids)), ids),
            labelled(_comparable(registry_answers(registry, ids)), ids),
        )
        tracking._dispose_engine()
        registry._dispose_engine()
    return expected


def test_an_old_store_is_written_to_as_the_sql_store_is(old: Old, by_sql: Expected) -> None:
    # When the changes that the SQL store was given are made to everything
    ids = old.lasting
    refused = change_everything(old.tracking, old.registry, ids)

    # Then the same is refused, and both answer alike
    _assert_same(refused, by_sql.refused)
    tracking = _comparable(tracking_answers(old.tracking, ids))
    registry = _comparable(registry_answers(old.registry, ids))
    _assert_same(labelled(tracking, ids), by_sql.tracking)
    _assert_same(labelled(registry, ids), by_sql.registry)

    # And the projections are those that a rebuild makes
    assert _drift(old) == []


def test_an_old_store_hides_what_has_expired(old: Old) -> None:
    # When what has a time to live, or had one, is read
    found = _comparable(aging_answers(old.tracking, old.aging))

    # Then it is as the old version answered, but that a file keeps what its owner has deleted
    recorded = old.recorded["aging answers"]
    for name, expected in recorded.items():
        if name in EXPIRED and old.kind != ENDPOINT:
            assert found[name] == expected or _is_deleted(found[name]), name
        elif name == HISTORY:
            assert found[name]["page"][-1] == expected["page"][-1]
        elif name != "deleted runs":
            assert found[name] == expected, name


def _is_deleted(answer: Any) -> bool:
    stage = answer.get("info", answer).get("lifecycle_stage")
    return bool(stage == "deleted")


def test_gc_removes_what_an_old_version_has_deleted(old: Old) -> None:
    # Given what the old version would have removed: the tombstones of what has expired are in it
    ids = {**old.lasting, **old.aging}
    deleted = set(old.tracking._get_deleted_runs())
    assert deleted == set(old.recorded["aging answers"]["deleted runs"])
    assert ids["run-swept"] in deleted

    # When it is removed for good
    for run_id in deleted:
        old.tracking._hard_delete_run(run_id)
    for model_id in old.tracking._get_deleted_logged_models():
        old.tracking._hard_delete_logged_model(model_id)

    # Then nothing is left to remove
    assert old.tracking._get_deleted_runs() == []
    assert old.tracking._get_deleted_logged_models() == []


def test_replay_finds_no_drift_in_an_old_store(old: Old) -> None:
    # Given that the old version had not removed yet what has just expired
    expired = [old.aging[label] for label in EXPIRED]

    # Then nothing else differs from a rebuild
    assert [found for found in _drift(old) if not any(id_ in found for id_ in expired)] == []


def test_verify_finds_no_drift_in_the_stamps_of_an_old_store(old: Old) -> None:
    # Given that the old version found none, but in what had just expired
    expired = [old.aging[label] for label in EXPIRED]

    # Then this one finds none either, though a file ignores the stamps from now on
    found = _drift(old, [TtlProjection()])
    assert [where for where in found if not any(id_ in where for id_ in expired)] == []
    if old.kind == FILE:
        assert old.tracking._table.ignores_stamps()
        assert found == []


def _drift(old: Old, projections: Sequence[Projection] = search_projections()) -> list[str]:
    """Where the projections, which are those that searches use, differ from what a rebuild
    makes."""
    table = old.tracking._table
    scope = Scope(table, projections, TableScan(table, 1), 1)
    drift, _ = compare(scope, examples=1000, wait=lambda _: None)
    assert sum(map(len, drift.examples.values())) == drift.total
    return [where for found in drift.examples.values() for where in found]
