"""``log_spans`` and reading spans back."""

from __future__ import annotations

import json

import pytest
from mlflow.entities import TraceState
from mlflow.exceptions import MlflowException, MlflowTracingException
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore
from mlflow_dynamodbstore.traces import traces

from tests.traces.made import NOW_MS, new_span, new_trace_id, new_trace_info
from tests.tracking.stores import refused

USAGE, COST = "mlflow.chat.tokenUsage", "mlflow.llm.cost"


def tokens(count: int) -> dict[str, dict[str, int]]:
    return {USAGE: {"input_tokens": count, "output_tokens": 0, "total_tokens": count}}


def total_tokens(store: DynamoTrackingStore, trace_id: str) -> int:
    found = store.get_trace_info(trace_id).trace_metadata["mlflow.trace.tokenUsage"]
    total: int = json.loads(found)["total_tokens"]
    return total


def test_log_spans_makes_the_trace_of_an_unknown_id(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()

    store.log_spans("0", [new_span(trace_id, 2, 1, start_ms=NOW_MS - 4, end_ms=NOW_MS)])

    found = store.get_trace_info(trace_id)
    assert (found.request_time, found.execution_duration) == (NOW_MS - 4, 4)
    assert found.state == TraceState.IN_PROGRESS
    assert found.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"


@pytest.mark.parametrize(("status", "state"), [("OK", "OK"), ("UNSET", "OK"), ("ERROR", "ERROR")])
def test_log_spans_takes_the_state_from_the_root(
    store: DynamoTrackingStore, status: str, state: str
) -> None:
    trace_id = new_trace_id()
    store.log_spans("0", [new_span(trace_id, 2, 1)])

    store.log_spans("0", [new_span(trace_id, 1, status=status)])

    assert store.get_trace_info(trace_id).state == TraceState(state)


def test_log_spans_after_start_trace_changes_neither_times_nor_state(
    store: DynamoTrackingStore,
) -> None:
    trace_id = new_trace_id()
    store.start_trace(new_trace_info(trace_id, duration_ms=7, state=TraceState.ERROR))

    store.log_spans("0", [new_span(trace_id, 1, start_ms=NOW_MS - 99, end_ms=NOW_MS + 99)])

    found = store.get_trace_info(trace_id)
    assert (found.request_time, found.execution_duration) == (NOW_MS, 7)
    assert found.state == TraceState.ERROR


def test_log_spans_sums_over_the_tree_whatever_order_spans_come_in(
    store: DynamoTrackingStore,
) -> None:
    trace_id = new_trace_id()
    store.log_spans("0", [new_span(trace_id, 3, 2, attributes=tokens(1))])
    store.log_spans("0", [new_span(trace_id, 9, 8, attributes=tokens(5))])
    assert total_tokens(store, trace_id) == 6

    store.log_spans("0", [new_span(trace_id, 1, attributes=tokens(10)), new_span(trace_id, 2, 1)])

    # The root has data of its own: what is below it counts no more.
    assert total_tokens(store, trace_id) == 15


def test_log_spans_adds_cost_after_start_trace_gave_none(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    cost = {COST: {"input_cost": 1.0, "output_cost": 1.0, "total_cost": 2.0}}
    store.log_spans("0", [new_span(trace_id, 2, 1, attributes=cost)])
    metadata = {"mlflow.trace.tokenUsage": '{"total_tokens": 7}'}
    store.start_trace(new_trace_info(trace_id, metadata=metadata))

    store.log_spans("0", [new_span(trace_id, 3, 1, attributes={**cost, **tokens(99)})])

    found = store.get_trace_info(trace_id).trace_metadata
    assert json.loads(found["mlflow.trace.cost"])["total_cost"] == 4.0
    assert total_tokens(store, trace_id) == 7


def test_log_spans_again_changes_nothing(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    spans = [new_span(trace_id, 1, attributes=tokens(2)), new_span(trace_id, 2, 1)]
    store.log_spans("0", spans)
    before = store.get_trace(trace_id).to_dict()

    store.log_spans("0", list(reversed(spans)))
    store.log_spans("0", spans[1:])

    assert store.get_trace(trace_id).to_dict() == before


def test_log_spans_keeps_the_ended_form_of_a_span(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    ended = new_span(trace_id, 1, outputs="done")
    store.log_spans("0", [ended])

    store.log_spans("0", [new_span(trace_id, 1, end_ms=None)])

    assert [span.outputs for span in store.get_trace(trace_id).data.spans] == ["done"]


def test_log_spans_of_many_traces_keeps_each_in_its_own(store: DynamoTrackingStore) -> None:
    ids = [new_trace_id() for _ in range(120)]
    spans = [new_span(i, n, None if n == 1 else 1, inputs=i) for n in (1, 2, 3) for i in ids]
    store.log_spans("0", spans[:200])

    store.log_spans("0", spans)

    found = store.batch_get_traces(ids)
    assert [trace.info.trace_id for trace in found] == ids
    assert all(len(trace.data.spans) == 3 for trace in found)
    assert all(trace.info.request_preview == f'"{trace.info.trace_id}"' for trace in found)


def test_log_spans_with_a_bad_trace_writes_none_of_the_batch(store: DynamoTrackingStore) -> None:
    good, bad = new_trace_id(), new_trace_id()

    with refused("INVALID_PARAMETER_VALUE"):
        store.log_spans("0", [new_span(good), new_span(bad, attributes={"session.id": "s" * 300})])

    with pytest.raises(MlflowException, match="not found"):
        store.get_trace_info(good)


def test_log_spans_refuses_a_missing_experiment_but_not_for_a_known_trace(
    store: DynamoTrackingStore,
) -> None:
    trace_id = new_trace_id()
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.log_spans("77", [new_span(trace_id)])
    store.log_spans("0", [new_span(trace_id)])

    store.log_spans("77", [new_span(trace_id, 2, 1)])

    assert store.get_trace_info(trace_id).experiment_id == "0"


def test_log_spans_keeps_a_span_of_8_mb(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    text = "é" * 2_000_000

    store.log_spans("0", [new_span(trace_id, inputs=text, outputs=text)])

    (span,) = store.get_trace(trace_id).data.spans
    assert span.inputs == span.outputs == text


@pytest.mark.slow
def test_log_spans_keeps_a_trace_of_33_000_spans(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    spans = [new_span(trace_id, n, None if n == 1 else n // 2) for n in range(1, 33_001)]

    store.log_spans("0", spans)

    assert len(store.get_trace(trace_id).data.spans) == 33_000


def test_log_spans_brings_tags_from_the_resource_and_the_root(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    resource = {
        "service.name": "shop",
        "telemetry.sdk.name": "x",
        "mlflow.trace.spansLocation": "y",
    }

    store.log_spans(
        "0",
        [
            new_span(
                trace_id,
                attributes={"mlflow.traceTag.team": "cats", "user.id": "bob"},
                resource=resource,
            )
        ],
    )

    found = store.get_trace_info(trace_id)
    assert found.tags["service.name"] == "shop"
    assert found.tags["team"] == "cats"
    assert found.trace_metadata["mlflow.trace.user"] == "bob"
    assert found.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert "telemetry.sdk.name" not in found.tags


def test_get_trace_passes_stored_json_through(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    store.log_spans("0", [new_span(trace_id, inputs={"q": "é\n"})])

    (span,) = store.get_trace(trace_id).data.spans

    assert span._raw_json is not None
    assert json.loads(span.json_for_export())["attributes"]["mlflow.spanInputs"]


def test_get_trace_waits_for_missing_spans_and_then_raises(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(traces.time, "sleep", waited.append)
    trace_id = new_trace_id()
    store.log_spans("0", [new_span(trace_id)])
    store.start_trace(
        new_trace_info(trace_id, metadata={"mlflow.trace.sizeStats": '{"num_spans": 2}'})
    )

    with pytest.raises(MlflowException, match="not fully exported yet"):
        store.get_trace(trace_id)

    assert waited == [1.0, 2.0]
    assert store.batch_get_traces([trace_id]) == []
    assert len(store.get_trace(trace_id, allow_partial=True).data.spans) == 1


def test_get_trace_of_artifacts_raises_what_the_server_falls_back_on(
    store: DynamoTrackingStore,
) -> None:
    trace_id = new_trace_id()
    store.start_trace(new_trace_info(trace_id))

    with pytest.raises(MlflowTracingException):
        store.get_trace(trace_id)


def test_batch_get_traces_is_in_the_order_of_last_mention(store: DynamoTrackingStore) -> None:
    a, b, c = (new_trace_id() for _ in range(3))
    store.log_spans("0", [new_span(i) for i in (a, b, c)])

    found = store.batch_get_traces([a, b, c, b, "tr-unknown"])

    assert [trace.info.trace_id for trace in found] == [a, c, b]
