"""Items as DynamoDB's typed attribute values, and back.

boto3's own TypeDeserializer turns every number into a Decimal and every blob into a Binary, at
several times the cost; an item here knows whole numbers and plain bytes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from dynamodbstore_events.attribute_values import decode
from dynamodbstore_events.keys import Key

from dynamodbstore_table.errors import InvalidOps
from dynamodbstore_table.port import Item

AttributeValue: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, AttributeValue]


def encode(value: Any) -> AttributeValue:
    """A value as an attribute value; raises ``InvalidOps`` for a type that no item may hold."""
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is int:
        return {"N": str(value)}
    if kind is bytes:
        return {"B": value}
    if kind is bool:
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if kind is list:
        return {"L": [encode(v) for v in value]}
    if kind is dict:
        return {"M": {k: encode(v) for k, v in value.items()}}
    raise InvalidOps(f"an item can't hold {value!r} of type {kind.__name__}")


def encode_item(item: Mapping[str, Any]) -> Attributes:
    """An item as attribute values; raises as ``encode``."""
    return {name: encode(value) for name, value in item.items()}


def encode_key(key: Key) -> Attributes:
    """A key as attribute values."""
    return {"PK": {"S": key[0]}, "SK": {"S": key[1]}}


def decode_item(attributes: Mapping[str, AttributeValue]) -> Item:
    """The item of its attribute values."""
    # Most values are text, and a run has hundreds of them.
    return {
        name: value["S"] if "S" in value else decode(value, _as_it_is)
        for name, value in attributes.items()
    }


def _as_it_is(content: bytes) -> bytes:
    return content
