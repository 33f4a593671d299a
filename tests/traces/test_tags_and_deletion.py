"""Tags of traces, and deleting traces."""

from __future__ import annotations

import pytest
from dynamodbstore_events.keys import spans_pk, trace_pk
from dynamodbstore_table.errors import TableUnavailable
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.traces.made import NOW_MS, new_feedback, new_span, new_trace_id, new_trace_info
from tests.tracking.stores import refused


def made(store: DynamoTrackingStore, experiment_id: str = "0", time_ms: int = NOW_MS) -> str:
    trace_id = new_trace_id()
    store.log_spans(experiment_id, [new_span(trace_id, start_ms=time_ms, end_ms=time_ms + 1)])
    store.start_trace(new_trace_info(trace_id, experiment_id, time_ms=time_ms))
    store.create_assessment(new_feedback(trace_id, "x" * 700_000))
    return trace_id


def there(store: DynamoTrackingStore, trace_ids: list[str]) -> list[str]:
    return [info.trace_id for info in store.batch_get_trace_infos(trace_ids)]


def test_set_trace_tag_cuts_values_and_checks_keys(store: DynamoTrackingStore) -> None:
    trace_id = made(store)

    store.set_trace_tag(trace_id, "note", "v" * 9_000)

    assert store.get_trace_info(trace_id).tags["note"] == "v" * 8_000
    with refused("INVALID_PARAMETER_VALUE"):
        store.set_trace_tag(trace_id, "a//b", "v")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.set_trace_tag("tr-missing", "note", "v")


def test_delete_trace_tag_removes_set_given_and_span_tags(store: DynamoTrackingStore) -> None:
    trace_id = new_trace_id()
    store.log_spans("0", [new_span(trace_id, resource={"a": "span", "b": "span"})])
    store.start_trace(new_trace_info(trace_id, tags={"a": "given", "long": "x" * 500_000}))
    store.set_trace_tag(trace_id, "mlflow.traceName", "n")

    for key in ("a", "b", "long", "mlflow.traceName"):
        store.delete_trace_tag(trace_id, key)

    assert set(store.get_trace_info(trace_id).tags) == {
        "mlflow.artifactLocation",
        "mlflow.trace.spansLocation",
    }
    with refused("RESOURCE_DOES_NOT_EXIST"):
        store.delete_trace_tag(trace_id, "a")


def test_delete_traces_by_ids_leaves_nothing_below_them(store: DynamoTrackingStore) -> None:
    kept, gone = made(store), made(store)

    assert store.delete_traces("0", trace_ids=[gone, "tr-missing"]) == 1

    assert there(store, [kept, gone]) == [kept]
    for pk in (trace_pk(gone), spans_pk(gone)):
        assert list(store._table.query_all(pk)) == []


def test_delete_traces_passes_over_those_of_other_experiments(store: DynamoTrackingStore) -> None:
    other = store.create_experiment("other")
    trace_id = made(store, other)

    assert store.delete_traces("0", trace_ids=[trace_id]) == 0
    assert store.delete_traces("77", trace_ids=[trace_id]) == 0

    assert there(store, [trace_id]) == [trace_id]


def test_delete_traces_up_to_a_time_takes_the_oldest_first(store: DynamoTrackingStore) -> None:
    ids = [made(store, time_ms=NOW_MS + n // 2) for n in range(6)]
    tied = sorted(ids[2:4])

    assert store.delete_traces("0", max_timestamp_millis=NOW_MS + 1, max_traces=3) == 3

    assert there(store, ids) == [i for i in ids[2:] if i != tied[0]]
    assert store.delete_traces("0", max_timestamp_millis=NOW_MS + 1) == 1
    assert there(store, ids) == ids[4:]


def test_delete_traces_finishes_what_another_process_began(
    store: DynamoTrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_id = made(store)
    bulk = store._table.bulk
    marked: list[object] = []

    def fail_later(ops: object) -> object:
        if marked:
            raise TableUnavailable("the connection is lost")
        marked.append(ops)
        return bulk(ops)  # type: ignore[arg-type]

    monkeypatch.setattr(store._table, "bulk", fail_later)
    with refused("TEMPORARILY_UNAVAILABLE"):
        store.delete_traces("0", trace_ids=[trace_id])
    monkeypatch.setattr(store._table, "bulk", bulk)
    with pytest.raises(MlflowException, match="not found"):
        store.get_trace_info(trace_id)
    assert list(store._table.query_all(spans_pk(trace_id)))

    assert store.delete_traces("0", max_timestamp_millis=1) == 0

    assert list(store._table.query_all(spans_pk(trace_id))) == []
    assert list(store._table.query_all(trace_pk(trace_id))) == []
