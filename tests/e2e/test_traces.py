"""A traced program, an OpenTelemetry exporter and an evaluation against a real server, which is
then killed: nothing that was acknowledged is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import TraceState
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.conftest import new_table_name
from tests.e2e import traced_program
from tests.e2e.mlflow_server import MlflowServer

pytestmark = pytest.mark.e2e

_BEFORE_EVALUATION = 5 + traced_program.THREADS
_OTLP_TRACES = 30


@dataclass(frozen=True)
class Traced:
    """A server to which the program has been traced, and what the program printed."""

    server: MlflowServer
    client: MlflowClient
    printed: dict[str, Any]

    def search(self, text: str | None = None) -> list[Any]:
        found = self.client.search_traces(
            locations=[self.printed["experiment"]],
            filter_string=text,
            max_results=200,
            include_spans=False,
        )
        return [trace.info for trace in found]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        found = requests.post(
            f"{self.server.url}/ajax-api/3.0/mlflow/{path}", json=body, timeout=30
        )
        assert found.status_code == 200, found.text
        return found.json()


@pytest.fixture(scope="module", params=["file", "dynamodb"])
def traced(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traced")
    uri = f"dynamodb:///{folder / 'mlflow.ddb'}"
    if request.param == "dynamodb":
        endpoint = request.getfixturevalue("dynoxide_endpoint")
        uri = f"dynamodb://{endpoint.removeprefix('http://')}/{new_table_name()}"
    with ExitStack() as stack:
        server = MlflowServer(uri, folder)
        stack.callback(server.kill)
        server.start(workers=2)
        printed = run_traced_program(server.url, folder)
        export_by_opentelemetry(server.url, printed["experiment"])
        # What follows is read from a server that was killed in the middle, and started again.
        server.kill()
        server.start()
        yield Traced(server, MlflowClient(server.url), printed)


def run_traced_program(url: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, traced_program.__file__],
        cwd=folder,
        env=os.environ | {"MLFLOW_TRACKING_URI": url, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return printed


def export_by_opentelemetry(url: str, experiment_id: str) -> None:
    exporter = OTLPSpanExporter(
        f"{url}/v1/traces",
        headers={"x-mlflow-experiment-id": experiment_id},
        compression=Compression.Gzip,
    )
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    for _ in range(_OTLP_TRACES):
        with (
            tracer.start_as_current_span("order"),
            tracer.start_as_current_span(
                "chat",
                attributes={"gen_ai.usage.input_tokens": 3, "gen_ai.request.model": "gpt-4o"},
            ),
        ):
            pass
    assert provider.force_flush()
    provider.shutdown()


class TestOfATracedProgram:
    def test_every_trace_is_there_with_its_spans(self, traced: Traced) -> None:
        found = traced.search("name IS NOT NULL")
        traces = [traced.client.get_trace(info.trace_id) for info in found]

        assert len(traces) == _BEFORE_EVALUATION + traced_program.ROWS
        assert {len(trace.data.spans) for trace in traces} == {1, 2, 3}
        failed = [trace for trace in traces if trace.info.state == TraceState.ERROR]
        assert len(failed) == 1
        long = [t for t in traces if t.data.spans[0].inputs == {"x": traced_program.LONG}]
        assert long[0].data.spans[0].outputs == traced_program.LONG * 2

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("trace.text ILIKE '%BOOM%'", 1),
            ("status = 'ERROR'", 1),
            ("span.name = 'answer_later'", 1),
            ("span.type = 'LLM' AND span.status = 'ERROR'", 1),
            ("span.attributes.model LIKE '%gpt%' AND status = 'ERROR'", 1),
            ("tags.`service.name` = 'shop'", _OTLP_TRACES),
            ("feedback.exact = 'true'", traced_program.ROWS),
            ("feedback.length > 5", traced_program.ROWS),
        ],
    )
    def test_filters_of_the_ui_find_it(self, traced: Traced, text: str, count: int) -> None:
        assert len(traced.search(text)) == count

    def test_the_evaluation_has_its_traces_and_assessments(self, traced: Traced) -> None:
        found = traced.search(f"run_id = '{traced.printed['run']}'")

        assert len(found) == traced_program.ROWS
        assert {len(info.assessments) for info in found} == {3}
        assert traced.printed["metrics"]["exact/mean"] == 1.0

    def test_opentelemetry_traces_have_sums_and_models(self, traced: Traced) -> None:
        info = traced.search("tags.`service.name` = 'shop'")[0]

        assert json.loads(info.trace_metadata["mlflow.trace.tokenUsage"])["input_tokens"] == 3
        spans = traced.client.get_trace(info.trace_id).data.spans
        assert [span.name for span in spans] == ["order", "chat"]

    def test_json_over_http_is_taken(self, traced: Traced) -> None:
        span = {
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174",
            "name": "from-javascript",
            "startTimeUnixNano": str(time.time_ns()),
            "endTimeUnixNano": str(time.time_ns() + 1000),
            "status": {"code": 1},
        }
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "js"}}]}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}

        answer = requests.post(
            f"{traced.server.url}/v1/traces",
            json=body,
            headers={"x-mlflow-experiment-id": traced.printed["experiment"]},
            timeout=30,
        )

        assert answer.status_code == 200, answer.text
        (found,) = traced.search("span.name = 'from-javascript'")
        assert found.tags["service.name"] == "js"

    def test_the_metrics_of_the_overview_page_are_answered(self, traced: Traced) -> None:
        query = {
            "experiment_ids": [traced.printed["experiment"]],
            "view_type": "TRACES",
            "metric_name": "trace_count",
            "aggregations": [{"aggregation_type": "COUNT"}],
            "dimensions": ["trace_status"],
        }

        points = traced.post("traces/metrics", query)["data_points"]

        counts = {p["dimensions"]["trace_status"]: p["values"]["COUNT"] for p in points}
        assert counts["ERROR"] == 1

    def test_the_server_logs_no_error(self, traced: Traced) -> None:
        assert "Traceback" not in traced.server.log
        assert " ERROR " not in traced.server.log
