"""The queue of entities that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from dynamodbstore_events.entities import Entity
from dynamodbstore_lambdas.redrive_queue import MalformedMessage, RedriveQueue, entity_in, message
from moto import mock_aws


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("sqs", region_name="us-east-1")


@pytest.fixture
def url(sqs: Any) -> str:
    url: str = sqs.create_queue(QueueName="redrive")["QueueUrl"]
    return url


def runs(number: int) -> dict[Entity, Exception]:
    return {Entity("RUN", str(i)): RuntimeError("poison") for i in range(number)}


def received(sqs: Any, url: str) -> list[Any]:
    bodies: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [json.loads(found["Body"]) for found in messages]
    return bodies


def test_any_number_of_entities_is_put_with_the_reason(sqs: Any, url: str) -> None:
    refused = RedriveQueue(sqs, url).put(runs(25))

    bodies = received(sqs, url)
    assert refused == {}
    assert {body["entity"] for body in bodies} == {f"RUN#{i}" for i in range(25)}
    assert {body["reason"] for body in bodies} == {"RuntimeError: poison"}


def test_nothing_failed_is_no_request() -> None:
    assert RedriveQueue(None, "http://nowhere").put({}) == {}


def test_a_queue_that_is_gone_refuses_every_entity(sqs: Any) -> None:
    refused = RedriveQueue(sqs, "https://sqs.us-east-1.amazonaws.com/123456789012/gone").put(
        runs(2)
    )

    assert set(refused) == set(runs(2))
    assert "QueueDoesNotExist" in str(refused[Entity("RUN", "0")])


def test_an_entity_that_the_queue_refuses_is_returned_alone() -> None:
    class Refusing:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            failure = {"Id": "1", "Code": "InternalError", "Message": "try again"}
            return {"Successful": [{"Id": "0"}], "Failed": [failure]}

    refused = RedriveQueue(Refusing(), "url").put(runs(2))

    assert {e.pk: str(error) for e, error in refused.items()} == {
        "RUN#1": "InternalError: try again"
    }


def test_a_message_names_its_entity() -> None:
    entity = Entity("EXP", "17%2364")

    assert entity_in(message(entity, RuntimeError("x" * 10_000))) == entity
    assert len(message(entity, RuntimeError("x" * 10_000))) < 2_000


@pytest.mark.parametrize("body", ["", "no json", "{}", "[]", '{"entity": 1}', '{"entity": "X#1"}'])
def test_a_message_that_names_no_entity_is_refused(body: str) -> None:
    with pytest.raises(MalformedMessage):
        entity_in(body)
