"""The search function, on the sample events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dynamodbstore_events.entities import Entity
from dynamodbstore_lambdas import runtime, search
from dynamodbstore_projections.all import search_projections
from dynamodbstore_projections.fts.trigrams import trigrams
from dynamodbstore_projections.heartbeat import Arrived, read_heartbeats
from dynamodbstore_table.port import Put

from tests.lambdas.conftest import SERVICE, Deployed
from tests.lambdas.samples import EXPERIMENT_ID, MODEL_KEY, RUN_ID, happen, sample

RUN = f"RUN#{RUN_ID}"
EXPERIMENT = f"EXP#{EXPERIMENT_ID}"
SUMMARY = f"SUMMARY#{RUN_ID}", "SUMMARY"
DONE: dict[str, Any] = {"batchItemFailures": []}


def tell(deployed: Deployed, *names: str) -> list[Any]:
    """Let what the samples tell of happen, and then hand each to the function."""
    for name in names:
        happen(deployed.table, sample(name))
    return [search.handler(sample(name), deployed.context) for name in names]


def projected(deployed: Deployed) -> dict[tuple[str, str], dict[str, Any]]:
    items = deployed.table.scan().items
    return {(item["PK"], item["SK"]): item for item in items}


def poison(deployed: Deployed) -> None:
    """Put an experiment that no projection can make sense of."""
    deployed.table.write(Put({"PK": EXPERIMENT, "SK": "META"}))


def test_tags_of_a_new_run_come_to_its_meta(deployed: Deployed) -> None:
    assert tell(deployed, "experiment-created", "run-created") == [DONE, DONE]

    meta = deployed.table.get((RUN, "META"))
    assert meta is not None
    assert meta["tag.mlflow.source.name"] == "train.py"
    assert "tag.team" not in meta


def test_names_of_experiments_and_runs_get_postings(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created")

    postings = {key for key in projected(deployed) if key[0].startswith("FTS#")}
    assert {sk for _, sk in postings} == {EXPERIMENT_ID, RUN_ID}


def model_postings(deployed: Deployed) -> set[str]:
    """The trigrams of the registered model's name that have postings."""
    keys = projected(deployed)
    return {pk.rpartition("#")[2] for pk, sk in keys if pk.startswith("FTS#") and sk == MODEL_KEY}


def test_the_name_of_a_registered_model_gets_postings(deployed: Deployed) -> None:
    assert tell(deployed, "model-created") == [DONE]
    assert model_postings(deployed) == trigrams("lynx classifier")

    assert tell(deployed, "model-renamed") == [DONE]
    assert model_postings(deployed) == trigrams("wildcat classifier")


def test_a_registered_model_that_is_deleted_leaves_no_postings(deployed: Deployed) -> None:
    tell(deployed, "model-created")

    assert tell(deployed, "model-deleted") == [DONE]

    assert not model_postings(deployed)


def test_an_ended_run_gets_a_summary(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-logged")
    assert deployed.table.get(SUMMARY) is None

    tell(deployed, "run-finished")

    summary = deployed.table.get(SUMMARY)
    assert summary is not None
    assert summary["status"] == "FINISHED"


def test_a_repeated_or_late_record_changes_nothing(deployed: Deployed) -> None:
    names = ("experiment-created", "run-created", "run-logged", "run-finished", "tag-changed")
    tell(deployed, *names)
    before = projected(deployed)

    for name in reversed(names):
        search.handler(sample(name), deployed.context)

    assert projected(deployed) == before


def test_items_left_by_an_expired_run_are_removed(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-finished")

    tell(deployed, "run-expired")

    assert deployed.table.get(SUMMARY) is None
    assert not [sk for pk, sk in projected(deployed) if pk.startswith("FTS#") and sk == RUN_ID]


def test_a_poison_record_does_not_hold_back_its_shard(deployed: Deployed) -> None:
    happen(deployed.table, sample("run-created"))
    poison(deployed)
    records = sample("experiment-created")["Records"] + sample("run-created")["Records"]

    answer = search.handler({"Records": records}, deployed.context)

    assert answer == DONE
    assert [message["entity"] for message in deployed.queued()] == [EXPERIMENT]
    meta = deployed.table.get((RUN, "META"))
    assert meta is not None
    assert "tag.mlflow.source.name" in meta


def test_only_records_that_the_queue_refused_are_delivered_again(deployed: Deployed) -> None:
    happen(deployed.table, sample("run-created"))
    poison(deployed)
    deployed.sqs.delete_queue(QueueUrl=deployed.queue_url)
    poisoned = sample("experiment-created")["Records"]
    records = sample("run-created")["Records"] + poisoned

    answer = search.handler({"Records": records}, deployed.context)

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [
        record["dynamodb"]["SequenceNumber"] for record in poisoned
    ]


def test_a_batch_of_which_the_queue_refuses_all_is_named_record_by_record(
    deployed: Deployed,
) -> None:
    poison(deployed)
    deployed.sqs.delete_queue(QueueUrl=deployed.queue_url)
    poisoned = sample("experiment-created")["Records"]

    answer = search.handler({"Records": poisoned}, deployed.context)

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [
        record["dynamodb"]["SequenceNumber"] for record in poisoned
    ]


def test_without_a_table_every_entity_is_queued(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE_NAME", "no-such-table")
    runtime.forget()
    records = sample("run-created")["Records"] + sample("experiment-created")["Records"]

    answer = search.handler({"Records": records}, deployed.context)

    queued = deployed.queued()
    assert answer == DONE
    assert {message["entity"] for message in queued} == {RUN, EXPERIMENT}
    assert all("no-such-table" in message["reason"] for message in queued)


def test_entities_are_queued_for_which_no_time_is_left(deployed: Deployed) -> None:
    deployed.context.seconds = 5

    answer = search.handler(sample("run-created"), deployed.context)

    assert answer == DONE
    assert [message["entity"] for message in deployed.queued()] == [RUN]


def test_the_function_keeps_what_its_projector_keeps(deployed: Deployed) -> None:
    tell(deployed, "experiment-created", "run-created", "run-logged", "run-finished")

    entities = [Entity("RUN", RUN_ID), Entity("EXP", EXPERIMENT_ID)]
    report = runtime.projector(search_projections()).project_entities(entities)

    assert report.writes == 0


def test_metrics_have_events_ops_and_lag(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(deployed, "experiment-created")

    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metrics,) = [found for found in documents if "Events" in found]
    assert metrics["Events"] == [3.0]
    assert metrics["Entities"] == [1.0]
    assert metrics["Ops"][0] > 0
    assert metrics["Lag"][0] > 0
    assert metrics["service"] == SERVICE
    units = metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    assert {"Name": "Lag", "Unit": "Milliseconds"} in units


def test_an_entity_that_fails_is_named_in_the_log(
    deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    poison(deployed)

    search.handler(sample("experiment-created"), deployed.context)

    (logged,) = caplog.records
    assert logged.levelname == "ERROR"
    assert (logged.__dict__["entity"], logged.__dict__["queued"]) == (EXPERIMENT, True)
    assert logged.exc_info is not None


class TestHeartbeats:
    def test_heartbeat_from_the_stream_is_marked_with_the_projections(
        self, deployed: Deployed, capsys: pytest.CaptureFixture[str]
    ) -> None:
        search.handler(sample("heartbeat"), deployed.context)

        arrived = read_heartbeats(deployed.table, ["search"]).arrived["search"]
        (record,) = sample("heartbeat")["Records"]
        assert arrived == Arrived(
            1764000300000, {"tags": 1, "fts": 1, "summary": 1}, record["eventSourceARN"]
        )
        documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (metric,) = [found for found in documents if "Heartbeats" in found]
        assert metric["function_name"] == deployed.context.function_name
        assert metric["Heartbeats"] == [1.0]

    def test_a_batch_without_heartbeat_marks_nothing(self, deployed: Deployed) -> None:
        tell(deployed, "experiment-created", "run-created")

        assert read_heartbeats(deployed.table, ["search"]).arrived["search"] == Arrived()

    def test_an_older_heartbeat_does_not_replace_a_later_one(self, deployed: Deployed) -> None:
        later = sample("heartbeat")
        later["Records"][0]["dynamodb"]["ApproximateCreationDateTime"] += 300
        for event in (later, sample("heartbeat"), sample("heartbeat")):
            assert search.handler(event, deployed.context) == DONE

        arrived = read_heartbeats(deployed.table, ["search"]).arrived["search"]
        assert arrived.at == 1764000600000

    def test_a_heartbeat_that_can_not_be_marked_does_not_fail_the_batch(
        self, deployed: Deployed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("TABLE_NAME", "no-such-table")
        runtime.forget()

        assert search.handler(sample("heartbeat"), deployed.context) == DONE

        assert "A heartbeat could not be marked" in caplog.text
