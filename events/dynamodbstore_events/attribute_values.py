"""DynamoDB's attribute values as plain values.

The SDK's answers hold binary values as bytes; the JSON of stream records and table exports holds
them as base64 text.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

Binary: TypeAlias = Callable[[Any], bytes]
"""What makes bytes of a binary value's content."""


class MalformedRecord(ValueError):
    """A record or image that DynamoDB can't have written; the message says what is wrong."""


def decode_image(image: Mapping[str, Any]) -> dict[str, Any]:
    """The item of an image in JSON: attribute names to typed values.

    Raises ``MalformedRecord``.
    """
    return {name: decode_value(value) for name, value in image.items()}


def decode_value(value: Any) -> Any:
    """The value of one attribute value in JSON; raises ``MalformedRecord``."""
    try:
        return decode(value, _from_base64)
    except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise MalformedRecord(f"{value!r} is no attribute value: {error}") from error


def decode(value: Mapping[str, Any], binary: Binary) -> Any:
    """The value of one attribute value, such as ``{"S": "text"}`` or ``{"N": "12"}``.

    A whole number is an ``int``. What the store doesn't write but others may is decoded too: a
    number with a fraction is a ``float``, a set a sorted list. Raises whatever comes of a value
    that DynamoDB can't have written.
    """
    ((kind, content),) = value.items()
    if kind == "S" or kind == "BOOL":
        return content
    if kind == "N":
        return _number(content)
    if kind == "B":
        return binary(content)
    if kind == "NULL":
        return None
    if kind == "M":
        return {name: decode(inner, binary) for name, inner in content.items()}
    if kind == "L":
        return [decode(inner, binary) for inner in content]
    if kind == "SS":
        return sorted(content)
    if kind == "NS":
        return sorted(map(_number, content))
    if kind == "BS":
        return sorted(map(binary, content))
    raise ValueError(f"{kind!r} is no type of an attribute value")


def _from_base64(content: str) -> bytes:
    return base64.b64decode(content, validate=True)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = Decimal(text)
        whole = int(number)
        return whole if whole == number else float(number)
