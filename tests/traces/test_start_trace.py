"""``start_trace``: what a client reports of a trace when it ends."""

from __future__ import annotations

import json

import pytest
from mlflow.entities import TraceState
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.traces.made import NOW_MS, new_feedback, new_span, new_trace_id, new_trace_info
from tests.tracking.stores import refused

USAGE = "mlflow.trace.tokenUsage"


def test_start_trace_keeps_everything_it_is_given(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    given = new_trace_info(
        trace_id,
        tags={"mlflow.traceName": "answer", "team": "cats"},
        metadata={"mlflow.trace.session": "s1", "k": "v", USAGE: '{"total_tokens": 3}'},
        request="why?",
        response="because",
    )

    store.start_trace(given)

    found = store.get_trace_info(trace_id)
    assert (found.request_time, found.execution_duration) == (NOW_MS, 10)
    assert (found.request_preview, found.response_preview) == ("why?", "because")
    assert found.state == TraceState.OK
    assert found.tags["mlflow.traceName"] == "answer"
    assert found.tags["team"] == "cats"
    assert found.tags["mlflow.artifactLocation"].endswith(f"/traces/{trace_id}/artifacts")
    assert found.trace_metadata == {
        "k": "v",
        "mlflow.trace.infoFinalized": "true",
        "mlflow.trace.session": "s1",
        USAGE: '{"total_tokens": 3}',
    }


def test_start_trace_returns_what_spans_and_assessments_brought_before(
    store: DynamoTrackingStore,
) -> None:
    trace_id = new_trace_id()
    store.log_spans("0", [new_span(trace_id, resource={"service.name": "shop"})])
    given = store.create_assessment(new_feedback(trace_id, "yes"))

    returned = store.start_trace(new_trace_info(trace_id, tags={"team": "cats"}))

    assert returned.tags["service.name"] == "shop"
    assert returned.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert [a.assessment_id for a in returned.assessments] == [given.assessment_id]


def test_start_trace_again_merges_tags_and_replaces_times(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    store.start_trace(new_trace_info(trace_id, tags={"a": "1", "b": "1"}, request="first"))

    store.start_trace(new_trace_info(trace_id, time_ms=NOW_MS + 5, tags={"b": "2"}))

    found = store.get_trace_info(trace_id)
    assert found.request_time == NOW_MS + 5
    assert {key: found.tags[key] for key in "ab"} == {"a": "1", "b": "2"}
    assert found.request_preview == "first"


def test_start_trace_moves_the_trace_to_another_experiment(store: DynamoTrackingStore) -> None:
    trace_id, other = new_trace_id(), store.create_experiment("other")
    store.start_trace(new_trace_info(trace_id))

    store.start_trace(new_trace_info(trace_id, other))

    assert store.get_trace_info(trace_id).experiment_id == other


@pytest.mark.parametrize("size", [5_000, 200_000, 3_000_000])
def test_start_trace_keeps_texts_of_any_length(store: DynamoTrackingStore, size: int) -> None:
    trace_id = new_trace_id()
    text = "".join(chr(ord("a") + n * n * 7919 % 26) for n in range(size))

    store.start_trace(
        new_trace_info(trace_id, metadata={"long": text}, tags={"long": text}, request=text)
    )

    found = store.get_trace_info(trace_id)
    assert found.trace_metadata["long"] == found.tags["long"] == found.request_preview == text


def test_start_trace_keeps_hundreds_of_metadata_keys(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    metadata = {f"key{n}": json.dumps({"n": n, "text": "x" * 900}) for n in range(700)}

    store.start_trace(new_trace_info(trace_id, metadata=metadata))

    found = store.get_trace_info(trace_id).trace_metadata
    assert {key: found[key] for key in metadata} == metadata


def test_start_trace_refuses_missing_and_deleted_experiments(store: DynamoTrackingStore) -> None:
    deleted = store.create_experiment("deleted")
    store.delete_experiment(deleted)

    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.start_trace(new_trace_info(new_trace_id(), "123"))
    with refused("INVALID_PARAMETER_VALUE"):
        store.start_trace(new_trace_info(new_trace_id(), deleted))
    with refused("INVALID_PARAMETER_VALUE"):
        store.start_trace(new_trace_info(new_trace_id(), "x"))


@pytest.mark.parametrize(
    "given",
    [
        {"tags": {"mlflow.traceName": "n" * 4097}},
        {"metadata": {"mlflow.trace.session": "s" * 251}},
    ],
)
def test_start_trace_refuses_too_long_names_and_sessions_before_it_writes(
    store: DynamoTrackingStore, given: dict[str, dict[str, str]]
) -> None:
    trace_id = new_trace_id()

    with refused("INVALID_PARAMETER_VALUE"):
        store.start_trace(new_trace_info(trace_id, **given))  # type: ignore[arg-type]

    with pytest.raises(MlflowException, match="not found"):
        store.get_trace_info(trace_id)


def test_start_trace_refuses_a_trace_whose_spans_are_archived(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    store.start_trace(new_trace_info(trace_id, tags={"mlflow.trace.spansLocation": "ARCHIVE_REPO"}))

    with refused("INVALID_STATE"):
        store.start_trace(new_trace_info(trace_id, tags={"late": "1"}))
    with refused("INVALID_STATE"):
        store.log_spans("0", [new_span(new_trace_id()), new_span(trace_id)])

    assert "late" not in store.get_trace_info(trace_id).tags
