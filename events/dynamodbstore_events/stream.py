"""DynamoDB stream records, as a Lambda function is handed them, as change events.

A record is a plain dict; nothing here needs the SDK. See "DynamoDB Streams and Time to Live" in
the DynamoDB developer guide for what marks a removal by time to live.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dynamodbstore_events.attribute_values import MalformedRecord, decode_image
from dynamodbstore_events.change import ChangeEvent
from dynamodbstore_events.keys import Key

_TIME_TO_LIVE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def change_event(record: Mapping[str, Any]) -> ChangeEvent:
    """The change that a stream record describes.

    Raises ``MalformedRecord`` for a record without the item's key, or with an image that can't be
    read.
    """
    change = _change(record)
    pk, sk = record_key(record)
    old = decode_image(change["OldImage"]) if change.get("OldImage") else None
    removed = record.get("eventName") == "REMOVE"
    return ChangeEvent(
        pk=pk,
        sk=sk,
        old=old,
        removed=removed,
        expired=removed and is_time_to_live(record),
    )


def record_key(record: Mapping[str, Any]) -> Key:
    """The key of the item that has changed; raises ``MalformedRecord`` for a record without it."""
    keys = decode_image(_mapping(_change(record), "Keys"))
    return _text(keys, "PK"), _text(keys, "SK")


def is_time_to_live(record: Mapping[str, Any]) -> bool:
    """Whether DynamoDB itself removed the item because its time to live had passed."""
    identity = record.get("userIdentity") or {}
    # Lambda's own event has these names; the streams API of other SDKs capitalises them.
    found = {name[:1].lower() + name[1:]: value for name, value in identity.items()}
    return found == _TIME_TO_LIVE


def written_at_ms(record: Mapping[str, Any]) -> int | None:
    """When the item was written (Unix ms, exact to the second); None where it has no time."""
    seconds = (record.get("dynamodb") or {}).get("ApproximateCreationDateTime")
    return None if seconds is None else int(float(seconds) * 1000)


def sequence_number(record: Mapping[str, Any]) -> str:
    """Where in its shard the record stands; raises ``MalformedRecord`` if it has no number."""
    return _text(_change(record), "SequenceNumber")


def _change(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(record, "dynamodb")


def _mapping(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    if not isinstance(value, Mapping):
        raise MalformedRecord(f"the record has no {name!r}")
    return value


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise MalformedRecord(f"the record has no text {name!r}")
    return value
