"""Assessments of traces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mlflow.entities.assessment import ExpectationValue, FeedbackValue, IssueReference
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.traces.made import HUMAN, new_expectation, new_feedback, new_trace_id, new_trace_info
from tests.tracking.stores import new_run, refused


@pytest.fixture
def trace_id(store: DynamoTrackingStore) -> str:
    trace_id = new_trace_id()
    store.start_trace(new_trace_info(trace_id))
    return trace_id


@pytest.mark.parametrize("value", ["yes", 5, 1.5, True, None, {"a": [1, "é"]}, "x" * 900_000])
def test_create_assessment_keeps_any_value(
    store: DynamoTrackingStore, trace_id: str, value: Any
) -> None:
    given = store.create_assessment(new_feedback(trace_id, value, metadata={"scorer": "s"}))

    found = store.get_assessment(trace_id, given.assessment_id)
    assert found.value == value
    assert found.metadata == {"scorer": "s"}
    assert [a.value for a in store.get_trace_info(trace_id).assessments] == [value]


def test_create_assessment_that_overrides_makes_the_other_invalid_until_it_is_deleted(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    base = store.create_assessment(new_feedback(trace_id, "no"))
    later = store.create_assessment(new_feedback(trace_id, "yes", overrides=base.assessment_id))
    assert not store.get_assessment(trace_id, base.assessment_id).valid

    store.delete_assessment(trace_id, later.assessment_id)

    assert store.get_assessment(trace_id, base.assessment_id).valid


def test_create_assessment_refuses_what_is_missing_or_taken(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    given = store.create_assessment(new_feedback(trace_id, "no"))
    again = new_feedback(trace_id, "yes")
    again.assessment_id = given.assessment_id

    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.create_assessment(new_feedback("tr-missing", "yes"))
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.create_assessment(new_feedback(trace_id, "yes", overrides="a-missing"))
    with refused("INTERNAL_ERROR"):
        store.create_assessment(again)

    assert store.get_assessment(trace_id, given.assessment_id).value == "no"


def test_create_assessment_from_many_threads_keeps_all(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.create_assessment(new_feedback(trace_id, n)), range(60)))

    found = store.get_trace_info(trace_id).assessments
    assert sorted(a.value for a in found) == list(range(60))


def test_create_assessment_a_thousand_times_finds_room_for_all(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    words = " ".join(str(n * 7919) for n in range(80))
    base = store.create_assessment(new_feedback(trace_id, words))
    for n in range(1000):
        last = store.create_assessment(new_feedback(trace_id, f"{n} {words}"))
    store.create_assessment(new_feedback(trace_id, "later", overrides=base.assessment_id))
    store.create_assessment(new_feedback(trace_id, "latest", overrides=last.assessment_id))

    found = store.get_trace_info(trace_id).assessments
    assert len(found) == 1003
    assert [a.assessment_id for a in found if not a.valid] == [
        base.assessment_id,
        last.assessment_id,
    ]
    store.delete_assessment(trace_id, last.assessment_id)
    assert len(store.get_trace_info(trace_id).assessments) == 1002


def test_update_assessment_merges_metadata_and_keeps_what_is_not_given(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    given = store.create_assessment(new_feedback(trace_id, "no", metadata={"a": "1"}))

    store.update_assessment(
        trace_id, given.assessment_id, feedback=FeedbackValue("yes"), metadata={"b": "2"}
    )

    found = store.get_assessment(trace_id, given.assessment_id)
    assert (found.name, found.value) == ("quality", "yes")
    assert found.metadata == {"a": "1", "b": "2"}
    assert found.last_update_time_ms >= given.last_update_time_ms


def test_update_assessment_refuses_a_value_of_the_other_kind(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    feedback = store.create_assessment(new_feedback(trace_id, "no"))
    expectation = store.create_assessment(new_expectation(trace_id, "42"))
    issue = store.create_assessment(
        IssueReference(issue_id="iss-1", issue_name="slow", source=HUMAN, trace_id=trace_id)
    )

    with refused("INVALID_PARAMETER_VALUE"):
        store.update_assessment(trace_id, feedback.assessment_id, expectation=ExpectationValue("x"))
    with refused("INVALID_PARAMETER_VALUE"):
        store.update_assessment(trace_id, expectation.assessment_id, feedback=FeedbackValue("x"))
    with refused("INTERNAL_ERROR"):
        store.update_assessment(trace_id, issue.assessment_id, rationale="x")


def test_delete_assessment_of_what_is_missing_does_nothing(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    store.delete_assessment(trace_id, "a-missing")
    store.delete_assessment("tr-missing", "a-missing")

    assert store.get_trace_info(trace_id).assessments == []


def test_assessments_given_with_the_trace_are_kept_and_may_be_changed(
    store: DynamoTrackingStore,
) -> None:
    trace_id = new_trace_id()
    store.start_trace(new_trace_info(trace_id, assessments=[new_feedback(trace_id, "no")]))
    (given,) = store.get_trace_info(trace_id).assessments

    store.update_assessment(trace_id, given.assessment_id, rationale="why")

    assert store.get_assessment(trace_id, given.assessment_id).rationale == "why"


def test_delete_run_removes_the_assessments_it_made_and_no_others(
    store: DynamoTrackingStore, trace_id: str
) -> None:
    r1 = new_run(store)
    mine = store.create_assessment(new_feedback(trace_id, "no", run_id=r1))
    other = store.create_assessment(new_feedback(trace_id, "no", run_id="r2"))
    moved = store.create_assessment(new_feedback(trace_id, "no", run_id=r1))
    store.update_assessment(
        trace_id, moved.assessment_id, metadata={"mlflow.assessment.sourceRunId": "r2"}
    )

    store.delete_run(r1)

    left = {a.assessment_id for a in store.get_trace_info(trace_id).assessments}
    assert left == {other.assessment_id, moved.assessment_id}
    assert mine.assessment_id not in left
