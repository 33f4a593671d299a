"""The item ``CONFIG``/``TTL_POLICY``: what it comes to, and the ops that write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from dynamodbstore_events.keys import CONFIG
from dynamodbstore_projections.config import (
    TTL_FIELDS,
    TTL_POLICY,
    TTL_POLICY_CHOSEN,
    TtlPolicy,
    config_from_items,
    default_policy,
    has_outdated_policy,
)
from dynamodbstore_table.conditions import (
    ITEM_EXISTS,
    ITEM_MISSING,
    Condition,
    Exists,
    Missing,
    both,
    equals,
)
from dynamodbstore_table.port import Item, Op, Put, Table, now_ms

_OF_A_TABLE: Final = asdict(TtlPolicy())


@dataclass(frozen=True, slots=True)
class PolicyItems:
    """The persisted policy of a table (``item``; None where there is none), and in a file whether
    it is only what an older version wrote by its defaults (``outdated``), or needs a record that
    the same, set from now on, was chosen (``unrecorded``)."""

    table: Table
    item: Item | None
    outdated: bool
    unrecorded: bool

    @classmethod
    def among(cls, table: Table, items: Mapping[str, Item]) -> PolicyItems:
        """Those among the ``CONFIG`` items by their sort keys."""
        unrecorded = TTL_POLICY_CHOSEN not in items and table.may_have_old_stamps()
        outdated = has_outdated_policy(table, items)
        return cls(table, items.get(TTL_POLICY), outdated, unrecorded)

    @property
    def persisted(self) -> dict[str, Any]:
        """The fields as they stand there; none where they are outdated."""
        item = {} if self.outdated else self.item or {}
        return {name: value for name, value in item.items() if name in TTL_FIELDS}

    @property
    def before(self) -> dict[str, Any]:
        """The fields as they stand there, or else by default."""
        return {**asdict(default_policy(self.table)), **self.persisted}

    def with_days(self, days: Mapping[str, int]) -> dict[str, int]:
        """The whole policy: ``days`` over what is persisted over the defaults.

        Raises ``InvalidConfig`` for what is wrong with the item that ``days`` do not replace.
        """
        policy = {**self.before, **days}
        config_from_items([{"SK": TTL_POLICY, **policy}])
        return policy

    def writes(self, policy: Mapping[str, int]) -> list[Op]:
        """The ops that write a policy in place of this one, if that is as it was read; none where
        nothing changes."""
        ops: list[Op] = []
        item = {"PK": CONFIG, "SK": TTL_POLICY, **policy}
        if item != self.item:
            ops.append(Put(item, _fields_as_read(self.item)))
        if self.unrecorded and (self.outdated or policy == _OF_A_TABLE):
            record = {"PK": CONFIG, "SK": TTL_POLICY_CHOSEN, "at": now_ms(self.table)}
            ops.append(Put(record, ITEM_MISSING))
        return ops

    def ignore_old_stamps(self) -> None:
        """Let the times to live that the outdated defaults have stamped count no more: before the
        policy is replaced, so that none ever counts by a policy that was not chosen."""
        if self.outdated:
            self.table.ignore_stamps()


def _fields_as_read(item: Item | None) -> Condition:
    if item is None:
        return ITEM_MISSING
    return both(ITEM_EXISTS, *(_as_read(item, name) for name in TTL_FIELDS))


def _as_read(item: Item, name: str) -> Condition:
    if name not in item:
        return Missing(name)
    value = item[name]
    return equals(name, value) if isinstance(value, str | int | bytes) else Exists(name)
