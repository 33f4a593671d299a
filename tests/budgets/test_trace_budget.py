"""What traces cost on DynamoDB: requests and capacity units, pinned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Span

from tests.budgets.metered import MeteredStore, on_file
from tests.traces.made import NOW_MS, new_feedback, new_span, new_trace_id, new_trace_info

WORDS = (
    "The quarterly report shows that revenue in the northern region grew by twelve percent while "
    "costs stayed flat; the customer asked for a refund of order 4711, which was shipped late and "
    "arrived damaged. Please summarize the complaint, name the product, and propose an answer in "
    "two sentences that a service agent could send without changing anything at all."
)
METADATA = {
    "mlflow.trace.user": "ada",
    "mlflow.source.name": "train.py",
    "mlflow.source.type": "LOCAL",
    "mlflow.source.git.commit": "0123456789abcdef0123456789abcdef01234567",
    "mlflow.source.git.branch": "main",
    "mlflow.source.git.repoURL": "https://example.com/team/repository",
    "mlflow.trace_schema.version": "3",
    "mlflow.trace.sizeBytes": "10240",
    "mlflow.trace.sizeStats": '{"total_size_bytes": 10240, "num_spans": 6, "max": 2100}',
    "mlflow.traceInputs": WORDS[:250],
    "mlflow.traceOutputs": WORDS[50:300],
}


@pytest.fixture
def metered(tmp_path: Path) -> Iterator[MeteredStore]:
    with on_file(tmp_path / "traces.ddb") as store:
        yield store


def spans_of(trace_id: str) -> list[Span]:
    """Six spans, 10 KB of them, the root last, as it ends last."""
    texts = [f"{n} {WORDS[n * 7 :]} {WORDS[: n * 20]}" for n in range(1, 7)]
    return [
        new_span(
            trace_id,
            n,
            None if n == 1 else 1,
            name=f"step {n}",
            start_ms=NOW_MS - 100 + n,
            inputs={"messages": [{"role": "user", "content": texts[n - 1]}]},
            outputs={"text": texts[-n]},
            attributes={
                "mlflow.spanType": "LLM" if n % 2 else "TOOL",
                "mlflow.chat.tokenUsage": {"input_tokens": n, "output_tokens": 1},
            },
        )
        for n in range(6, 0, -1)
    ]


def send(store: Any, experiment_id: str, trace_id: str) -> None:
    """What a client sends of a trace: its spans in two calls, and its end."""
    spans = spans_of(trace_id)
    store.log_spans(experiment_id, spans[:5])
    store.log_spans(experiment_id, spans[5:])
    store.start_trace(
        new_trace_info(
            trace_id,
            experiment_id,
            time_ms=NOW_MS - 99,
            tags={"mlflow.traceName": "answer"},
            metadata=METADATA,
            request=WORDS,
            response=WORDS[100:],
        )
    )


def test_sending_a_trace_of_six_spans_is_7_requests_and_20_units(metered: MeteredStore) -> None:
    send(metered.store, metered.experiment_id, new_trace_id())

    usage = metered.cost(lambda: send(metered.store, metered.experiment_id, new_trace_id()))

    assert sum(usage.requests.values()) <= 7
    assert usage.write_units <= 20


def test_log_spans_of_500_spans_of_50_known_traces_is_12_requests(metered: MeteredStore) -> None:
    ids = [new_trace_id() for _ in range(50)]
    store, experiment_id = metered.store, metered.experiment_id
    store.log_spans(experiment_id, [new_span(i, 1) for i in ids])
    spans = [new_span(i, n, 1, name=f"step {n}") for i in ids for n in range(2, 12)]

    usage = metered.cost(lambda: store.log_spans(experiment_id, spans))

    assert sum(usage.requests.values()) <= 12


def test_get_trace_info_is_1_request_and_get_trace_2(metered: MeteredStore) -> None:
    trace_id = new_trace_id()
    send(metered.store, metered.experiment_id, trace_id)

    info = metered.cost(lambda: metered.store.get_trace_info(trace_id))
    whole = metered.cost(lambda: metered.store.get_trace(trace_id))

    assert sum(info.requests.values()) == 1
    assert sum(whole.requests.values()) == 2


@pytest.mark.parametrize("count", [120, pytest.param(1000, marks=pytest.mark.slow)])
def test_search_traces_for_the_newest_100_costs_the_same_of_any_number(
    metered: MeteredStore, count: int
) -> None:
    store, experiment_id = metered.store, metered.experiment_id
    for n in range(count):
        trace_id = new_trace_id()
        store.start_trace(
            new_trace_info(trace_id, experiment_id, time_ms=NOW_MS - n, metadata=METADATA)
        )
    store.create_assessment(new_feedback(trace_id, "yes"))
    found, token = store.search_traces(locations=[experiment_id])
    assert len(found) == 100

    first = metered.cost(lambda: store.search_traces(locations=[experiment_id]))
    second = metered.cost(lambda: store.search_traces(locations=[experiment_id], page_token=token))

    for usage in (first, second):
        assert sum(usage.requests.values()) <= 2 + 4
        assert usage.read_units <= 150
