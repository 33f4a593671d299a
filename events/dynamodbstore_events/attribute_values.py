"""DynamoDB's JSON, as stream records and table exports carry it, as plain values.

In this JSON a binary value is base64 text, unlike in the SDK's answers.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any


class MalformedRecord(ValueError):
    """A record or image that DynamoDB can't have written; the message says what is wrong."""


def decode_image(image: Mapping[str, Any]) -> dict[str, Any]:
    """The item of an image: attribute names to typed values.

    Raises ``MalformedRecord``.
    """
    return {name: decode_value(value) for name, value in image.items()}


def decode_value(value: Any) -> Any:
    """The value of one attribute value, such as ``{"S": "text"}`` or ``{"N": "12"}``.

    A whole number is an ``int``, another a ``float``; a set is a sorted list. Raises
    ``MalformedRecord``.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        raise MalformedRecord(f"{value!r} is no attribute value")
    ((kind, content),) = value.items()
    try:
        return _decode(kind, content)
    except (TypeError, ValueError, AttributeError, InvalidOperation) as error:
        if isinstance(error, MalformedRecord):
            raise
        raise MalformedRecord(f"{value!r} is no attribute value: {error}") from error


def _decode(kind: str, content: Any) -> Any:
    if kind in ("S", "BOOL"):
        return content
    if kind == "N":
        return _number(content)
    if kind == "B":
        return base64.b64decode(content, validate=True)
    if kind == "NULL":
        return None
    if kind == "M":
        return decode_image(content)
    if kind == "L":
        return [decode_value(inner) for inner in content]
    if kind == "SS":
        return sorted(content)
    if kind == "NS":
        return sorted(_number(number) for number in content)
    if kind == "BS":
        return sorted(base64.b64decode(inner, validate=True) for inner in content)
    raise MalformedRecord(f"{kind!r} is no type of an attribute value")


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = Decimal(text)
        whole = int(number)
        return whole if whole == number else float(number)
