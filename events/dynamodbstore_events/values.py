"""Values: dataclasses that nobody changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    from typing import dataclass_transform
else:
    # Only a type checker needs more.
    def dataclass_transform(**_: Any) -> Callable[[Any], Any]:
        return lambda made: made


_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_T]) -> type[_T]:
    """A dataclass with slots, whose instances compare and hash by what they hold.

    That they are frozen is for the type checker to see: where each log call makes hundreds of
    them, a frozen dataclass takes four times as long to make.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
