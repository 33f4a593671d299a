"""How many bytes DynamoDB counts for an item, by the "item sizes" page of its developer guide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CONTAINER_BYTES = 3
_ELEMENT_BYTES = 1


def item_size(item: Mapping[str, Any]) -> int:
    """The bytes of an item: the UTF-8 of its attribute names, and its values.

    Raises ``UnicodeEncodeError`` for text with a lone surrogate, ``TypeError`` for a value that no
    item may hold.
    """
    size = 0
    for name, value in item.items():
        size += _text_size(name) + value_size(value)
    return size


def value_size(value: Any) -> int:
    """The bytes of one value, without its attribute's name; raises as ``item_size`` does."""
    kind = type(value)
    if kind is str:
        return _text_size(value)
    if kind is bool or value is None:
        return 1
    if kind is int:
        return number_size(value)
    if kind is bytes:
        return len(value)
    if kind is list:
        return _CONTAINER_BYTES + sum(_ELEMENT_BYTES + value_size(v) for v in value)
    if kind is dict:
        return _CONTAINER_BYTES + sum(
            _ELEMENT_BYTES + _text_size(k) + value_size(v) for k, v in value.items()
        )
    raise TypeError(f"an item can't hold {value!r} of type {kind.__name__}")


def number_size(number: int) -> int:
    """The bytes of a number: one for two significant digits, one more, one for a minus sign."""
    digits = str(abs(number)).rstrip("0")
    return (len(digits) + 1) // 2 + 1 + (number < 0)


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
