"""What a table may refuse, the same on every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class TableError(Exception):
    """The base of everything that an adapter raises.

    ``in_doubt`` is true where the write may have been done all the same: the answer to one of its
    requests was lost.
    """

    in_doubt = False


class ConditionFailed(TableError):
    """A condition did not hold; nothing of the write was done.

    ``failures`` maps the position of each op that failed to the item as it was (None: no item).
    """

    def __init__(self, failures: Mapping[int, Mapping[str, Any] | None]) -> None:
        super().__init__(f"the condition of op {', '.join(map(str, sorted(failures)))} failed")
        self.failures = dict(failures)

    @property
    def item(self) -> Mapping[str, Any] | None:
        """The item that the first failed condition met."""
        return self.failures[min(self.failures)]


class TransactionConflict(TableError):
    """Another transaction held the same items for longer than the retries lasted."""


class Throttled(TableError):
    """The engine refused for lack of capacity for longer than the retries lasted."""


class ItemTooLarge(TableError):
    """An item would pass 400 KB."""


class TableMissing(TableError):
    """There is no such table."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no table {name!r}")
        self.name = name


class TableUnavailable(TableError):
    """The engine can't be reached, or it denies access; the message has the cause and the fix."""


class AccessDenied(TableUnavailable):
    """The engine denies the request to this identity; the message names who has to allow it."""


class NewerForm(TableError):
    """An entity was written in a form that this code does not know."""

    def __init__(self, pk: str, form: object, newest: int) -> None:
        super().__init__(
            f"{pk} was written by a newer version of mlflow-dynamodbstore (form {form!r}, this one "
            f"knows forms up to {newest}): upgrade the package"
        )


class TableUnfit(TableError):
    """The table is laid out in another way than this store's; the message is what differs, and
    what to do about it."""


class DamagedItem(TableError):
    """An item has another form than the store writes; the message names it and its fault."""

    def __init__(self, key: tuple[str, str], fault: str) -> None:
        super().__init__(f"the item {key[0]} {key[1]} is damaged or not the store's own: {fault}")
        self.key = key
        self.fault = fault


class InvalidOps(TableError, ValueError):
    """The caller broke a rule of the port (too many ops, a key twice, a float value)."""

    def __init__(self, message: str, ops: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.ops = tuple(ops)
