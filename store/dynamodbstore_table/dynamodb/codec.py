"""Items as DynamoDB's typed attribute values, and back.

boto3's own TypeDeserializer turns every number into a Decimal and every blob into a Binary, at
several times the cost; an item here knows whole numbers and plain bytes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

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


def decode(value: AttributeValue) -> Any:
    """The value of an attribute value.

    What the port doesn't write but others may have put there is read too: a set as a sorted list,
    a number with a fraction as a float.
    """
    for kind, content in value.items():
        if kind == "S" or kind == "B" or kind == "BOOL":
            return content
        if kind == "N":
            return _decode_number(content)
        if kind == "M":
            return {name: decode(inner) for name, inner in content.items()}
        if kind == "L":
            return [decode(inner) for inner in content]
        if kind == "NS":
            return sorted(_decode_number(number) for number in content)
        if kind == "SS" or kind == "BS":
            return sorted(content)
    return None


def decode_item(attributes: Mapping[str, AttributeValue]) -> Item:
    """The item of its attribute values."""
    return {name: decode(value) for name, value in attributes.items()}


def _decode_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = Decimal(text)
        whole = int(number)
        return whole if whole == number else float(number)
