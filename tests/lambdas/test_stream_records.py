"""Stream records become change events."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent
from boto3.dynamodb.types import Binary, TypeDeserializer
from dynamodbstore_events.attribute_values import MalformedRecord, decode_image, decode_value
from dynamodbstore_events.stream import change_event, is_time_to_live, written_at_ms

from tests.lambdas.samples import RUN_ID, sample, stream_samples

RUN = f"RUN#{RUN_ID}"


def test_an_insert_has_its_key_and_no_old_image() -> None:
    record = sample("run-created")["Records"][0]

    event = change_event(record)

    assert (event.pk, event.sk) == (RUN, "META")
    assert (event.old, event.removed, event.expired) == (None, False, False)


def test_a_change_brings_the_item_as_it_was() -> None:
    record = sample("run-finished")["Records"][0]

    event = change_event(record)

    assert event.old is not None
    assert event.old["status"] == "RUNNING"
    assert event.old["start_time"] == 1764000000000
    assert not event.removed


def test_a_removal_by_a_caller_is_no_expiry() -> None:
    event = change_event(sample("tag-removed")["Records"][0])

    assert (event.removed, event.expired) == (True, False)


def test_a_removal_by_time_to_live_is_an_expiry() -> None:
    event = change_event(sample("run-expired")["Records"][0])

    assert (event.sk, event.removed, event.expired) == ("META", True, True)


@pytest.mark.parametrize(
    "identity",
    [
        None,
        {},
        {"type": "AWSAccount", "principalId": "dynamodb.amazonaws.com"},
        {"type": "Service", "principalId": "lambda.amazonaws.com"},
    ],
)
def test_another_principal_is_not_time_to_live(identity: dict[str, str] | None) -> None:
    record = sample("run-expired")["Records"][0] | {"userIdentity": identity}

    assert not is_time_to_live(record)
    assert not change_event(record).expired


def test_the_streams_api_writes_the_principal_with_capitals() -> None:
    identity = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}

    assert is_time_to_live({"userIdentity": identity})


def test_a_write_by_the_service_that_removes_nothing_is_no_expiry() -> None:
    identity = sample("run-expired")["Records"][0]["userIdentity"]
    record = sample("run-finished")["Records"][0] | {"userIdentity": identity}

    assert not change_event(record).expired


def test_the_time_of_a_write_is_in_milliseconds() -> None:
    record: dict[str, Any] = {"dynamodb": {"ApproximateCreationDateTime": 1764000000.5}}

    assert written_at_ms(record) == 1764000000500
    assert written_at_ms({"dynamodb": {}}) is None


@pytest.mark.parametrize("name", stream_samples())
def test_images_are_read_as_the_sdk_reads_them(name: str) -> None:
    for record in DynamoDBStreamEvent(sample(name)).records:
        for image in ("Keys", "NewImage", "OldImage"):
            attributes = record.raw_event["dynamodb"].get(image, {})

            assert decode_image(attributes) == _by_sdk(attributes)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"S": "é"}, "é"),
        ({"N": "12"}, 12),
        ({"N": "1E2"}, 100),
        ({"N": "0.5"}, 0.5),
        ({"B": "AAE="}, b"\0\1"),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"L": [{"S": "a"}, {"N": "1"}]}, ["a", 1]),
        ({"M": {"a": {"L": []}}}, {"a": []}),
        ({"SS": ["b", "a"]}, ["a", "b"]),
        ({"NS": ["2", "1"]}, [1, 2]),
        ({"BS": ["Ag==", "AQ=="]}, [b"\1", b"\2"]),
    ],
)
def test_every_type_of_attribute_is_read(value: dict[str, Any], meant: Any) -> None:
    assert decode_value(value) == meant


@pytest.mark.parametrize(
    "value",
    ["text", {}, {"S": "a", "N": "1"}, {"X": 1}, {"N": "one"}, {"B": "%"}, {"L": 1}, {"M": 1}],
)
def test_a_malformed_attribute_value_is_refused(value: Any) -> None:
    with pytest.raises(MalformedRecord):
        decode_value(value)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"dynamodb": {}},
        {"dynamodb": {"Keys": {"PK": {"S": "RUN#1"}}}},
        {"dynamodb": {"Keys": {"PK": {"N": "1"}, "SK": {"S": "META"}}}},
        {"dynamodb": {"Keys": {"PK": {"S": "a"}, "SK": {"S": "b"}}, "OldImage": {"v": 1}}},
    ],
)
def test_a_malformed_record_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(MalformedRecord):
        change_event(record)


def _by_sdk(attributes: dict[str, Any]) -> dict[str, Any]:
    deserializer = TypeDeserializer()
    return {name: _plain(deserializer.deserialize(_raw(v))) for name, v in attributes.items()}


def _raw(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if "B" in value else value


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Binary) else value
