"""A batch of stream records is projected once for each entity, and what fails is reported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.entities import Entity, entity_of
from dynamodbstore_lambdas.batch import (
    ENTITIES_A_CALL,
    SPARE_SECONDS,
    Outcome,
    OutOfTime,
    project_batch,
    record_entity,
)
from dynamodbstore_projections.projector import Report

from tests.lambdas.samples import EXPERIMENT_ID, RUN_ID, sample

RUN = Entity("RUN", RUN_ID)
EXPERIMENT = Entity("EXP", EXPERIMENT_ID)


class FakeProjector:
    """Remembers the calls of ``project``, and fails for the ``failing`` entities."""

    def __init__(self, failing: Iterable[Entity] = (), broken: Exception | None = None) -> None:
        self.calls: list[list[ChangeEvent]] = []
        self._failing = set(failing)
        self._broken = broken

    def project(self, events: Iterable[ChangeEvent]) -> Report:
        self.calls.append(list(events))
        if self._broken is not None:
            raise self._broken
        entities = {entity for event in self.calls[-1] if (entity := entity_of(event.pk))}
        failed: dict[Entity, Exception] = {
            entity: RuntimeError("poison") for entity in entities & self._failing
        }
        return Report(entities=len(entities), ops=len(entities), failed=failed)


def project(
    records: list[dict[str, Any]], projector: FakeProjector, seconds_left: float = 100
) -> Outcome:
    return project_batch(records, projector, lambda: seconds_left)


def many_runs(number: int) -> list[dict[str, Any]]:
    return [
        {
            "eventName": "INSERT",
            "dynamodb": {"Keys": {"PK": {"S": f"RUN#{i}"}, "SK": {"S": "META"}}},
        }
        for i in range(number)
    ]


def test_all_records_of_a_batch_are_projected_together() -> None:
    records = sample("run-created")["Records"] + sample("run-finished")["Records"]
    projector = FakeProjector()

    outcome = project(records, projector)

    assert [len(call) for call in projector.calls] == [len(records)]
    assert (outcome.records, outcome.entities, outcome.ops) == (len(records), 1, 1)
    assert outcome.failed == {}


def test_the_lag_counts_from_the_oldest_record() -> None:
    records = sample("run-finished")["Records"] + sample("run-created")["Records"]

    outcome = project(records, FakeProjector())

    assert outcome.oldest_ms == 1764000120_000


def test_one_entity_that_fails_is_reported_and_the_others_are_projected() -> None:
    records = sample("run-created")["Records"] + sample("experiment-created")["Records"]

    outcome = project(records, FakeProjector(failing=[EXPERIMENT]))

    assert list(outcome.failed) == [EXPERIMENT]
    assert outcome.entities == 2


def test_every_entity_is_reported_where_nothing_can_be_projected() -> None:
    records = sample("run-created")["Records"] + sample("experiment-created")["Records"]
    broken = ConnectionError("no table")

    outcome = project(records, FakeProjector(broken=broken))

    assert outcome.failed == {RUN: broken, EXPERIMENT: broken}


def test_a_malformed_record_is_passed_over() -> None:
    records = [{"eventName": "INSERT"}, *sample("run-created")["Records"]]

    outcome = project(records, FakeProjector())

    assert len(outcome.malformed) == 1
    assert outcome.entities == 1


def test_records_of_no_entity_are_passed_over() -> None:
    records = [{"eventName": "INSERT", "dynamodb": {"Keys": _key("CONFIG", "BUILT")}}]
    projector = FakeProjector()

    outcome = project(records, projector)

    assert projector.calls == []
    assert (outcome.records, outcome.entities, outcome.malformed) == (1, 0, [])


def test_many_entities_are_projected_some_at_a_time() -> None:
    projector = FakeProjector()

    outcome = project(many_runs(2 * ENTITIES_A_CALL + 1), projector)

    assert [len(call) for call in projector.calls] == [ENTITIES_A_CALL, ENTITIES_A_CALL, 1]
    assert outcome.entities == 2 * ENTITIES_A_CALL + 1


def test_entities_are_reported_for_which_no_time_is_left() -> None:
    left = iter([100.0, SPARE_SECONDS - 1])
    projector = FakeProjector()

    outcome = project_batch(many_runs(ENTITIES_A_CALL + 3), projector, lambda: next(left))

    assert outcome.entities == ENTITIES_A_CALL
    assert len(outcome.failed) == 3
    assert all(isinstance(error, OutOfTime) for error in outcome.failed.values())


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def test_record_entity_reads_the_key_alone() -> None:
    # Given an image that nobody could decode
    record = {
        "eventName": "MODIFY",
        "dynamodb": {"Keys": _key(f"RUN#{RUN_ID}", "META"), "OldImage": {"x": {"?": 1}}},
    }

    assert record_entity(record) == RUN
    assert record_entity({"eventName": "MODIFY"}) is None
