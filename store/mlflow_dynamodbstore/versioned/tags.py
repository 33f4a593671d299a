"""Tags of things and of their versions: each is an attribute of its item, of any length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from dynamodbstore_table.port import Item, Op, Table

from mlflow_dynamodbstore.core.long_texts import StoredText, remove_texts, replace_texts
from mlflow_dynamodbstore.versioned.items import TAG

TagOps: TypeAlias = Callable[[Mapping[str, StoredText], tuple[str, ...]], Sequence[Op]]
"""From the attributes to set and those to remove to the ops of one write: the update of the item,
under the condition that it is still there, and what else changes with the tag."""


def set_tag(table: Table, item: Item, key: str, value: str | None, ops: TagOps) -> None:
    """Set a tag of a thing or version whose item was read; a long value is written before it, and
    the long value that it replaces is removed after it. Raises what the write raises."""
    replace_texts(table, item, {TAG + key: value}, lambda texts: table.write(*ops(texts, ())))


def remove_tag(table: Table, item: Item, key: str, ops: TagOps) -> None:
    """Remove a tag of a thing or version whose item was read, if it has it."""
    attribute = TAG + key
    if attribute in item:
        table.write(*ops({}, (attribute,)))
        remove_texts(table, item, [attribute])
