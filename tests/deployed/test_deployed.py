"""template.yaml deployed, with real functions on a real stream behind a real server."""

from __future__ import annotations

import statistics
import time

import pytest
from dynamodbstore_events.entities import REGISTERED_MODEL
from dynamodbstore_events.keys import META, posting_pk, registered_model_pk, run_pk
from dynamodbstore_projections.all import STREAM_FUNCTIONS, inline_projections
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.fts.projection import NAME_FIELD, built_mark
from dynamodbstore_projections.heartbeat import read_heartbeats
from mlflow import MlflowClient
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from tests.deployed.conftest import Deployment
from tests.deployed.lacking import lacking
from tests.deployed.questions import answers
from tests.deployed.stack import wait_until
from tests.deployed.workload import (
    CLIENTS,
    MODELS_EACH,
    RUNS_EACH,
    change_ended_runs,
    change_models,
)
from tests.lambdas.samples import sample

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PROBES = 20


def test_a_search_finds_what_an_inline_store_finds(deployment: Deployment) -> None:
    found = answers(deployment.streamed)

    assert len(found["all runs: "]) == CLIENTS * RUNS_EACH
    assert len(found["models: name LIKE '%lynx%'"]) == CLIENTS * MODELS_EACH / 3
    assert found == answers(deployment.inline)


def test_a_search_by_name_relies_on_what_the_functions_keep(deployment: Deployment) -> None:
    table = deployment.stack.table

    assert built_mark(NAME_FIELD) in ConfigSource(table).read().built
    posted = table.query_all(
        posting_pk(DEFAULT_WORKSPACE_NAME, REGISTERED_MODEL, NAME_FIELD, "lyn")
    )
    assert len(list(posted)) == CLIENTS * MODELS_EACH / 3


def test_nothing_has_failed(deployment: Deployment) -> None:
    assert deployment.stack.queued("QueueUrl") == 0
    assert deployment.stack.queued("DeadLetterQueueUrl") == 0


def test_a_heartbeat_goes_through_the_stream_to_both_functions(deployment: Deployment) -> None:
    table = deployment.stack.table
    deployment.stack.invoke("Lifecycle", sample("schedule"))
    now_ms = int(time.time() * 1000)

    def kept_by_servers() -> frozenset[str]:
        return read_heartbeats(table, STREAM_FUNCTIONS).missing(inline_projections(), now_ms)

    wait_until(lambda: not kept_by_servers(), 60, "both functions have marked the heartbeat")
    stream = table.facts().stream_arn
    arrived = read_heartbeats(table, STREAM_FUNCTIONS).arrived
    assert {found.stream for found in arrived.values()} == {stream}


def test_a_tag_is_searchable_within_seconds(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient(deployment.streamed)
    run_id = _run_to_probe(client)
    lags = []
    for number in range(PROBES):
        client.set_tag(run_id, "mlflow.probe", str(number))
        lags.append(wait_until(lambda n=number: _probe(deployment, run_id) == str(n), 30, "probe"))

    with capsys.disabled():
        print(
            f"\nlag of the stream functions: median {statistics.median(lags) * 1000:.0f} ms, "
            f"longest {max(lags) * 1000:.0f} ms; after {CLIENTS * RUNS_EACH} runs and "
            f"{CLIENTS * MODELS_EACH} models from {CLIENTS} clients "
            f"drained in {deployment.drained_seconds:.1f} s"
        )
    assert statistics.median(lags) < 5
    inline = MlflowClient(deployment.inline)
    inline.set_tag(_run_to_probe(inline), "mlflow.probe", str(PROBES - 1))


def test_entities_that_a_broken_function_misses_are_queued_and_healed(
    deployment: Deployment,
) -> None:
    stack = deployment.stack
    stack.redrive(enabled=False)
    stack.deny_table("Search")
    for uri in (deployment.streamed, deployment.inline):
        change_ended_runs(MlflowClient(uri))
        change_models(MlflowClient(uri))
    wait_until(lambda: stack.queued() >= 10, 60, "the entities that changed are queued")
    behind = lacking(stack.table)
    assert set(behind) >= {"fts", "summary", "tags"}
    assert any(pk.startswith(registered_model_pk("")) for pk in behind["fts"])

    stack.redrive(enabled=True)

    deployment.drain()
    wait_until(lambda: stack.queued() == 0, 60, "the queue is empty")
    assert answers(deployment.streamed) == answers(deployment.inline)


def test_a_mended_function_goes_on(deployment: Deployment) -> None:
    deployment.stack.allow_table("Search")
    for uri in (deployment.streamed, deployment.inline):
        client = MlflowClient(uri)
        experiment_id = client.create_experiment("mended", tags={"mlflow.note.content": "again"})
        client.create_run(experiment_id, 2, run_name="mended lynx")
        client.create_registered_model("mended lynx classifier")

    deployment.drain()

    assert deployment.stack.queued() == 0
    assert answers(deployment.streamed) == answers(deployment.inline)


def _run_to_probe(client: MlflowClient) -> str:
    experiment_id = client.create_experiment("probes")
    run_id: str = client.create_run(experiment_id, 1, run_name="probe").info.run_id
    return run_id


def _probe(deployment: Deployment, run_id: str) -> str | None:
    meta = deployment.stack.table.get((run_pk(run_id), META))
    return None if meta is None else meta.get("tag.mlflow.probe")
