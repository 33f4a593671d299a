"""The redrive function heals what a stream function could not project."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from dynamodbstore_events.entities import Entity
from dynamodbstore_lambdas import redrive, search
from dynamodbstore_lambdas.redrive import entities_of, redrive_entities
from dynamodbstore_projections.projector import Report
from dynamodbstore_table.port import Delete, Put

from tests.lambdas.conftest import Deployed
from tests.lambdas.samples import EXPERIMENT_ID, RUN_ID, happen, sample

RUN = f"RUN#{RUN_ID}"
EXPERIMENT = f"EXP#{EXPERIMENT_ID}"
SUMMARY = f"SUMMARY#{RUN_ID}", "SUMMARY"


def messages(*bodies: str) -> dict[str, Any]:
    """The queue's event with a message for each body."""
    (like,) = sample("redrive")["Records"]
    records = [like | {"messageId": str(n), "body": body} for n, body in enumerate(bodies)]
    return {"Records": records}


def failures(answer: Any) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_an_entity_on_the_queue_is_projected_wholly(deployed: Deployed) -> None:
    for name in ("experiment-created", "run-created", "run-logged", "run-finished"):
        happen(deployed.table, sample(name))

    answer = redrive.handler(sample("redrive"), deployed.context)

    meta = deployed.table.get((RUN, "META"))
    assert failures(answer) == []
    assert meta is not None
    assert meta["tag.mlflow.source.name"] == "train.py"
    assert deployed.table.get(SUMMARY) is not None


def test_a_queued_entity_is_healed_once_the_cause_is_mended(deployed: Deployed) -> None:
    happen(deployed.table, sample("experiment-created"))
    whole = deployed.table.get((EXPERIMENT, "META"))
    assert whole is not None
    deployed.table.write(Put({"PK": EXPERIMENT, "SK": "META"}))
    search.handler(sample("experiment-created"), deployed.context)
    bodies = [json.dumps(body) for body in deployed.queued()]
    assert failures(redrive.handler(messages(*bodies), deployed.context)) == ["0"]

    deployed.table.write(Put(whole))
    answer = redrive.handler(messages(*bodies), deployed.context)

    meta = deployed.table.get((EXPERIMENT, "META"))
    assert failures(answer) == []
    assert meta is not None
    assert "tag.mlflow.note.content" in meta


def test_an_entity_that_has_gone_is_healed_too(deployed: Deployed) -> None:
    for name in ("experiment-created", "run-created", "run-finished"):
        happen(deployed.table, sample(name))
    redrive.handler(sample("redrive"), deployed.context)
    for item in list(deployed.table.query_all(RUN)):
        deployed.table.write(Delete((item["PK"], item["SK"])))

    answer = redrive.handler(sample("redrive"), deployed.context)

    assert failures(answer) == []
    assert deployed.table.get(SUMMARY) is None


def test_a_message_that_names_no_entity_fails_alone(deployed: Deployed) -> None:
    happen(deployed.table, sample("run-created"))
    good = json.dumps({"entity": RUN})

    answer = redrive.handler(messages("no JSON", good), deployed.context)

    assert failures(answer) == ["0"]
    meta = deployed.table.get((RUN, "META"))
    assert meta is not None
    assert "tag.mlflow.source.name" in meta


class FakeProjector:
    def __init__(self, failing: Iterable[Entity] = (), broken: Exception | None = None) -> None:
        self.projected: list[Entity] = []
        self._failing = list(failing)
        self._broken = broken

    def project_entities(self, entities: Iterable[Entity]) -> Report:
        self.projected = list(entities)
        if self._broken is not None:
            raise self._broken
        return Report(failed={entity: RuntimeError("poison") for entity in self._failing})


def test_an_entity_that_is_queued_twice_is_projected_once() -> None:
    bodies = [json.dumps({"entity": RUN, "reason": reason}) for reason in ("one", "two")]
    projector = FakeProjector()

    assert redrive_entities(entities_of(bodies)[0], projector) == {}

    assert projector.projected == [Entity("RUN", RUN_ID)]


def test_every_message_of_an_entity_that_fails_fails() -> None:
    run = Entity("RUN", RUN_ID)
    bodies = [json.dumps({"entity": RUN, "reason": reason}) for reason in ("one", "two")]

    failed = redrive_entities(entities_of(bodies)[0], FakeProjector(failing=[run]))

    assert set(failed) == set(bodies)


def test_every_message_fails_where_nothing_can_be_projected() -> None:
    body = json.dumps({"entity": RUN})
    broken = ConnectionError("no table")

    assert redrive_entities(entities_of([body])[0], FakeProjector(broken=broken)) == {body: broken}
